"""Flow table + ground truth → labelled flows (the paper's "consistent labeling of the flow instances",
section V-A).

in: out/flows/<source>.parquet and the source's captures and truth files    out:
out/labelled/<source>.parquet, .apart.parquet and .json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.flowmeter.captures import SIDE_BY_SIDE_BYTES, Options
from iotids.flowmeter.packets import packet_batches
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.parallel import parallel_map
from iotids.plumbing.params import Data, read_data, read_section
from iotids.truth.formats.contract import Truth
from iotids.truth.formats.registry import open_truth
from iotids.truth.labelling.labelling import (
    Part,
    check_found,
    check_labels,
    join_labels,
    rows_by_capture,
    summarise,
)
from iotids.truth.labelling.named_captures import check_captures, find_captures
from iotids.truth.labelling.notices import one_line, show_notices
from iotids.writing.tables import read_table, write_json, write_table


@dataclass(frozen=True)
class Params:
    """Section `label` of the parameters."""

    unlabelled: str
    missing_captures: str


def label_source(
    source: str, flows: pa.Table, data: Data, params: Params, packets: Any
) -> tuple[pa.Table, pa.Table, dict[str, Any]]:
    """Label the flows of one source: labelled flows, flows kept apart, and the summary.

    Captures without a flow in the table are looked at too when the truth is about packets: their rules have
    something to report.
    """
    options = data.sources[source]
    root = data.root_of(source)
    folder = root / str(options.get("folder", "."))
    truth = open_truth(source, options, root, data.benign)
    notices = check_captures(source, truth.names, folder, params.missing_captures)
    paths = find_captures(folder)
    rows = list(rows_by_capture(flows))
    if truth.reads_packets:
        rows += [(name, np.zeros(0, np.int64)) for name in sorted(set(paths) - {name for name, _ in rows})]
    judge = partial(_label_one, truth=truth, folder=folder, paths=paths, packets=packets)
    n_bytes = sum(paths[name].stat().st_size for name, _ in rows if name in paths)
    n_jobs = -1 if n_bytes >= SIDE_BY_SIDE_BYTES else 1
    items = [(name, flows.take(numbers)) for name, numbers in rows]
    parts: list[Part] = parallel_map(judge, items, description=f"label {source}", n_jobs=n_jobs)
    notices += check_labels(parts, classes=data.classes, unlabelled=params.unlabelled)
    notices += check_found(source, parts)
    labelled, apart = join_labels(
        flows, [(numbers, part) for (_, numbers), part in zip(rows, parts, strict=True)]
    )
    return labelled, apart, summarise(source, parts, notices)


def _label_one(
    item: tuple[str, pa.Table], *, truth: Truth, folder: Path, paths: dict[str, Path], packets: Any
) -> Part:
    """Label the flows of one capture."""
    capture, flows = item

    def read_packets() -> Iterable[pa.RecordBatch]:
        return packets(paths.get(capture, folder / capture))

    return truth.label(capture, flows, read_packets)


def main() -> None:
    """Run the stage from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True)
    for name in ("--flows", "--out", "--summary"):
        parser.add_argument(name, required=True, type=Path)
    args = parser.parse_args()
    try:
        data = read_data(captures=True)
        if args.source not in data.sources:
            raise ValueError(
                f"no source {args.source!r} in data.sources; there are {', '.join(data.sources)}"
            )
        # packets must be booked to flows exactly as the meter did
        packets = partial(packet_batches, **vars(read_section("meter", Options)))
        labelled, apart, summary = label_source(
            args.source, read_table(args.flows), data, read_section("label", Params), packets
        )
    except (ValueError, FileNotFoundError, KeyError) as error:
        sys.exit(f"error: {one_line(str(error.args[0] if isinstance(error, KeyError) else error))}")
    write_table(labelled, args.out)
    write_table(apart, args.out.with_suffix(".apart.parquet"))
    write_json(summary, args.summary)
    show_notices(summary["notices"])


if __name__ == "__main__":
    run_plainly(main)
