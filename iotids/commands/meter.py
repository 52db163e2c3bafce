"""Captures → flow table with CICFlowMeter's features, and packet ledger: iotids meter CAPTURE... -o flows.parquet"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from iotids.flowmeter.profiles import PROFILES
from iotids.flowmeter.sizes import number_of_bytes
from iotids.plumbing.output_names import (
    CAPTURES,
    BadPathError,
    beside,
    check_ending,
    check_paths,
    naming,
    refuse_repeated,
)
from iotids.plumbing.parallel import parallel_map
from iotids.plumbing.progress import progress_bar
from iotids.writing.tables import replacing, write_json

if TYPE_CHECKING:
    from iotids.flowmeter.captures import NamedCapture, Options
    from iotids.flowmeter.ledger import Ledger


def existing_captures(paths: list[str]) -> list[NamedCapture]:
    """Name the captures of a command line, each of them once; `check_paths` has seen them.

    Raises
    ------
    BadPathError
        One file twice, or standard input among files; the message says what to give.
    """
    from iotids.flowmeter.captures import named_captures

    refuse_repeated(paths)
    if paths.count("-") and len(paths) > 1:
        raise BadPathError("standard input goes alone: give - or files")
    return named_captures(paths)


def meter(captures: list[NamedCapture], out: Path, options: Options, *, for_keeping: bool) -> list[Ledger]:
    """Meter captures into one table that takes its name when it is finished.

    Raises
    ------
    ValueError
        Not one packet could be read from any of them; what was at `out` stays.
    """
    from iotids.flowmeter.captures import meter_captures

    with replacing(out) as temporary, _packets_counted() as count:
        into = partial(meter_captures, captures, temporary, options, suffix=out.suffix, mapper=parallel_map)
        ledgers = into(for_keeping=for_keeping, progress=count)
        if not any(ledger.packets or ledger.complete for ledger in ledgers):
            raise ValueError("; ".join(ledger.fault for ledger in ledgers))  # nothing was metered: no table
        return ledgers


@contextmanager
def _packets_counted() -> Iterator[Callable[[int], object] | None]:
    """What counts packets on a progress bar; None where nobody sees it."""
    if not sys.stderr.isatty():
        yield None
        return
    with progress_bar(unit="packets", description="meter") as bar:
        yield bar.update


def meter_and_report(
    captures: list[NamedCapture], out: Path, ledger: Path, options: Options, *, for_keeping: bool
) -> int:
    """Meter, write the flow table and the ledger, print the summary; gives the exit code.

    Raises
    ------
    ValueError
        A capture is damaged and `options.keep_going` is off.
    OSError
        A file cannot be read or written.
    """
    from iotids.flowmeter.pipeline.compiling_ahead import compiling_in_words

    start = time.perf_counter()
    if sentence := compiling_in_words():
        print(f"note: {sentence}", file=sys.stderr, flush=True)
    ledgers = meter(captures, out, options, for_keeping=for_keeping)
    from iotids.flowmeter.ledger import in_words, totals

    sums = totals(ledgers)
    content = {"origin": options.origin, "captures": [one.as_dict() for one in ledgers], "totals": sums}
    with naming(ledger):
        write_json(content, ledger)
    print(*in_words(ledgers, out, seconds=time.perf_counter() - start), sep="\n", file=sys.stderr)
    return 0 if sums["complete"] or options.keep_going else 1


def add_meter_options(parser: argparse.ArgumentParser) -> None:
    """The options of the flow meter, for every command that meters."""
    group = parser.add_argument_group("flow meter")
    group.add_argument(
        "--profile",
        choices=PROFILES,
        default="clean",
        help="which CICFlowMeter to reproduce, or what we would do (clean, the default); docs/flow-meter.md",
    )
    for option, default, meaning in (
        ("--flow-timeout", 120.0, "a flow ends this long after its start"),
        ("--activity-timeout", 5.0, "longer gaps are idle time"),
        ("--idle-timeout", 120.0, "clean: a flow silent so long is over; 0: off"),
    ):
        group.add_argument(
            option, type=float, default=default, metavar="S", help=f"{meaning} (default: %(default)s)"
        )
    group.add_argument(
        "--tunnels",
        choices=("inner", "outer"),
        default="inner",
        help="clean: what to meter of tunnels (default: %(default)s)",
    )
    group.add_argument(
        "--keep-going", action="store_true", help="exit code 0 and further captures in spite of damaged ones"
    )
    group.add_argument(
        "--max-bytes",
        type=number_of_bytes,
        default=0,
        metavar="N",
        help="most that a compressed capture may expand to, as 5e9 (default: any amount)",
    )


def optional_columns(text: str) -> tuple[str, ...]:
    """Groups of columns, with commas between them."""
    from iotids.flowmeter.output.rows import check_columns

    try:
        return check_columns(filter(None, map(str.strip, text.split(","))))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def options_of(arguments: argparse.Namespace) -> Options:
    """What `add_meter_options` read."""
    from iotids.flowmeter.captures import Options

    return Options(
        arguments.profile,
        arguments.flow_timeout,
        arguments.activity_timeout,
        arguments.idle_timeout,
        arguments.tunnels,
        arguments.keep_going,
        getattr(arguments, "columns", ()),
        arguments.max_bytes,
    )


def main() -> int:
    """Read the command line, meter."""
    parser = argparse.ArgumentParser(prog="iotids meter", description=__doc__)
    parser.add_argument(
        "captures", nargs="+", help="pcap or pcapng, also .gz, .bz2, .xz, .zst; - reads standard input"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("flows.parquet"),
        help="flow table, .parquet, .arrow or .csv; one that is there is overwritten (default: %(default)s)",
    )
    parser.add_argument("--ledger", type=Path, help="packet ledger as JSON (default: next to the flow table)")
    parser.add_argument(
        "--for-keeping",
        action="store_true",
        help="SHA-256 of the captures into the ledger, smaller Parquet file; slower",
    )
    parser.add_argument(
        "--columns",
        type=optional_columns,
        default=(),
        metavar="GROUPS",
        help="also sequence (first 32 packets), context (what its end points did before), or both: sequence,context",
    )
    add_meter_options(parser)
    arguments = parser.parse_args()
    ledger = arguments.ledger or beside(arguments.out, ".ledger.json")
    check_paths({CAPTURES: arguments.captures}, {"-o": arguments.out, "--ledger": ledger})
    from iotids.flowmeter.output.flow_files import SUFFIXES

    check_ending("-o", arguments.out, SUFFIXES)
    if arguments.columns:
        check_ending("-o, with --columns,", arguments.out, [one for one in SUFFIXES if one != ".csv"])
    return meter_and_report(
        existing_captures(arguments.captures),
        arguments.out,
        ledger,
        options_of(arguments),
        for_keeping=arguments.for_keeping,
    )
