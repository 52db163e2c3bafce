"""Flow table + ground truth → labelled flows (the paper's "consistent labeling of the flow instances", Sec. V-A).

In: out/flows/<source>.parquet, captures, truth files. Out: out/labelled/<source>.parquet, .apart.parquet, .json.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from iotids.flowmeter.captures import SIDE_BY_SIDE_BYTES, Options
from iotids.flowmeter.packets import packet_batches
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.parallel import parallel_map
from iotids.plumbing.params import Data, read_data, read_section
from iotids.truth.formats.registry import open_truth
from iotids.truth.labelling.flow_rows import FlowRows, flows_in_file
from iotids.truth.labelling.labelling import label_captures
from iotids.truth.labelling.named_captures import check_captures, find_captures
from iotids.truth.labelling.notices import show_notices
from iotids.truth.labelling.row_labels import RowLabels, write_labelled
from iotids.writing.tables import write_json


@dataclass(frozen=True)
class Params:
    """Section `label` of the parameters."""

    unlabelled: str
    missing_captures: str


def label_source(
    source: str, flows: FlowRows, data: Data, params: Params, packets: Any
) -> tuple[RowLabels, dict[str, Any]]:
    """Label the flows of one source: what every row is, and the summary."""
    root, options = data.root_of(source), data.sources[source]
    folder = root / str(options.get("folder", "."))
    truth, paths = open_truth(source, options, root, data.benign), find_captures(folder)
    notices = check_captures(source, truth.names, paths, params.missing_captures, where=f"below {folder}")
    n_jobs = -1 if sum(path.stat().st_size for path in paths.values()) >= SIDE_BY_SIDE_BYTES else 1
    return label_captures(
        source,
        flows,
        truth,
        paths,
        packets,
        classes=data.classes,
        unlabelled=params.unlabelled,
        folder=folder,
        notices=notices,
        map_jobs=partial(parallel_map, description=f"label {source}", n_jobs=n_jobs),
    )


def main() -> None:
    """Run the stage from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True)
    for name in ("--flows", "--out", "--summary"):
        parser.add_argument(name, required=True, type=Path)
    args = parser.parse_args()
    data, options = read_data(captures=True), read_section("meter", Options)
    packets = partial(packet_batches, **vars(options))  # booked to flows exactly as the meter did
    section, rows = read_section("label", Params), flows_in_file(args.flows)
    labels, summary = label_source(args.source, rows, data, section, packets)
    write_labelled(args.flows, labels, args.out, args.out.with_suffix(".apart.parquet"))
    write_json(summary, args.summary)
    show_notices(summary["notices"])


if __name__ == "__main__":
    run_plainly(main)
