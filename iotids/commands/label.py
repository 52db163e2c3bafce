"""Captures and a file of rules → labelled flow table: iotids label CAPTURE... --rules rules.yaml -o labelled.parquet

Rules say which packets are an attack (docs/your-own-data.md); --zeek conn.log.labeled takes Zeek's word instead. Next
to the table: .apart.parquet with the flows that nothing decides, .json with counts and notices.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iotids.commands.meter import add_meter_options, existing_captures, options_of
from iotids.plumbing.light_start import load_numba_without_scipy
from iotids.plumbing.output_names import CAPTURES, beside, check_ending, check_paths
from iotids.truth.given import Given, truth_of_log, truth_of_rules
from iotids.writing.tables import read_table, write_json, write_table

if TYPE_CHECKING:
    import pyarrow as pa

    from iotids.flowmeter.captures import NamedCapture, Options


def label_flows(
    captures: Sequence[NamedCapture],
    flows: pa.Table,
    given: Given,
    packets: Callable[[Path | str], Iterable[pa.RecordBatch]],
    *,
    source: str,
    unlabelled: str,
) -> tuple[pa.Table, pa.Table, dict[str, Any]]:
    """Label flows: labelled flows, flows kept apart, and the summary.

    Parameters
    ----------
    flows : pa.Table
        Flows of these captures, as the meter books the packets that `packets(path)` gives.
    unlabelled : {'error', 'apart'}
        What flows that nothing decides are.

    Raises
    ------
    ValueError
        The truth meets nothing, or leaves flows undecided; or the table is empty, or has a capture that is not
        named.
    """
    from iotids.truth.labelling.flow_rows import flows_in_memory
    from iotids.truth.labelling.labelling import label_captures
    from iotids.truth.labelling.named_captures import check_captures

    paths = {capture.name: Path(capture.path) for capture in captures}
    if missing := sorted(set(flows.column("capture").to_pylist()) - set(paths)):
        raise ValueError(
            f"the flow table has flows of {', '.join(missing[:3])}; name these captures, too "
            f"(named are {', '.join(paths)})"
        )
    notices = check_captures(
        source, given.truth.names, paths, "warn", where="among the captures of this command"
    )
    labels, summary = label_captures(
        source,
        flows_in_memory(flows),
        given.truth,
        paths,
        packets,
        classes=given.classes,
        unlabelled=unlabelled,
        notices=notices,
    )
    return *labels.divide(flows), summary


def flows_of(captures: Sequence[NamedCapture], options: Options) -> pa.Table:
    """Meter the captures one after the other."""
    import pyarrow as pa

    from iotids.flowmeter.flows import flows_from_capture

    if any(str(capture.path) == "-" for capture in captures):
        raise ValueError("standard input can be read once only; labelling reads a capture twice: give a file")
    return pa.concat_tables(
        [flows_from_capture(one.path, name=one.name, **vars(options)) for one in captures]
    )


def table_metered_so(path: Path, options: Options) -> pa.Table:
    """Read a flow table; ValueError where it says that it was metered with other settings than these."""
    from iotids.writing.table_origin import differences, origin_of

    flows = read_table(path)
    if found := differences(origin_of(flows.schema), options.origin):
        raise ValueError(
            f"{path} and this command meter differently ({'; '.join(found)}): packets would be booked to other flows; "
            "give the table's settings here (--profile …), or leave out --flows"
        )
    return flows


def main() -> None:
    """Read the command line, meter where no flow table is given, label."""
    parser = argparse.ArgumentParser(prog="iotids label", description=__doc__.splitlines()[0])
    parser.add_argument("captures", nargs="+", help="pcap or pcapng, also compressed")
    truth = parser.add_mutually_exclusive_group(required=True)
    truth.add_argument("--rules", type=Path, help="rules, .yaml or .csv")
    truth.add_argument("--zeek", type=Path, metavar="LOG", help="instead: Zeek's conn.log.labeled")
    parser.add_argument(
        "--classes",
        default="MALICIOUS,BENIGN",
        metavar="MALICIOUS,OTHERS",
        help="with --zeek: classes of malicious and of other connections; one alone keeps others apart (default: %(default)s)",
    )
    parser.add_argument("--flows", type=Path, help="flow table of these captures (default: meter them)")
    parser.add_argument("--source", default="mine", help="name of the site, for the column `source`")
    parser.add_argument(
        "--unlabelled",
        choices=("error", "apart"),
        default="error",
        help="flows that no rule and no default decides: an error, or kept apart (default: %(default)s)",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("labelled.parquet"),
        metavar="PARQUET",
        help="flows with their class; what is there is overwritten (default: %(default)s)",
    )
    add_meter_options(parser)
    arguments = parser.parse_args()
    out = arguments.out
    apart_out, summary_out = beside(out, ".apart.parquet"), beside(out, ".json")
    check_paths(
        {
            CAPTURES: arguments.captures,
            "--rules wants .yaml or .csv (docs/your-own-data.md)": [arguments.rules],
            "--zeek wants a conn.log.labeled": [arguments.zeek],
            "--flows wants a table that `iotids meter` made": [arguments.flows],
        },
        {"-o": out, "-o, flows kept apart:": apart_out, "-o, summary:": summary_out},
    )
    check_ending("-o", out, [".parquet"])
    load_numba_without_scipy()
    from iotids.flowmeter.packets import packet_batches
    from iotids.flowmeter.pipeline.compiling_ahead import compiling_in_words
    from iotids.truth.labelling.notices import show_notices

    captures, options = existing_captures(arguments.captures), options_of(arguments)
    if arguments.zeek:
        malicious, _, background = arguments.classes.partition(",")
        given = truth_of_log(
            arguments.zeek, arguments.source, malicious=malicious.strip(), background=background.strip()
        )
    else:
        given = truth_of_rules(arguments.rules, arguments.source)
    if sentence := compiling_in_words():
        print(f"note: {sentence}", file=sys.stderr, flush=True)
    flows = table_metered_so(arguments.flows, options) if arguments.flows else flows_of(captures, options)
    labelled, apart, summary = label_flows(
        captures,
        flows,
        given,
        partial(packet_batches, **vars(options)),
        source=arguments.source,
        unlabelled=arguments.unlabelled,
    )
    write_table(labelled, out)
    write_table(apart, apart_out)
    write_json(summary, summary_out)
    show_notices(summary["notices"])
    counts = ", ".join(f"{n:,} {name}" for name, n in count_labels(labelled))
    print(f"{out}: {counts or 'no flow'}; {apart.num_rows:,} kept apart", file=sys.stderr)


def count_labels(labelled: pa.Table) -> list[tuple[str, int]]:
    """Flows by class, the most frequent first."""
    counts = labelled.column("label").value_counts().to_pylist()
    return sorted(((one["values"], one["counts"]) for one in counts), key=lambda item: (-item[1], item[0]))
