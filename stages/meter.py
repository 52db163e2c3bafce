"""Captures → flow table and packet ledger (the paper's "extraction of flow-based features with CICFlowMeter",
section IV).

in: the captures of one source    out: out/flows/<source>.parquet, out/flows/<source>.ledger.json
Also a tool: python -m stages.meter CAPTURE... --profile clean -o flows.parquet
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from iotids.flowmeter.captures import NamedCapture, Options, captures_of_source, meter_captures
from iotids.flowmeter.ledger import Ledger, in_words, totals
from iotids.flowmeter.profiles import PROFILES
from iotids.plumbing.numba_start import load_numba_without_scipy
from iotids.plumbing.parallel import parallel_map
from iotids.plumbing.params import read_data, read_section
from iotids.plumbing.progress import progress_bar
from iotids.writing.tables import replacing, write_json


@dataclass(frozen=True)
class Params(Options):
    """Section `meter` of the parameters: the options of the flow meter."""


def meter(captures: list[NamedCapture], out: Path, options: Options, *, for_keeping: bool) -> list[Ledger]:
    """Meter captures into one table that takes its name when it is finished."""
    with replacing(out) as temporary, progress_bar(unit="packets", description="meter") as bar:
        into = partial(meter_captures, captures, temporary, options, suffix=out.suffix, mapper=parallel_map)
        return into(for_keeping=for_keeping, progress=bar.update)


def arguments() -> argparse.Namespace:
    """Command line of stage and tool."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.meter",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "captures", nargs="*", help="pcap or pcapng, also .gz, .xz, .zst; - reads standard input"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("flows.parquet"),
        help="flow table, .parquet or .csv (default: %(default)s)",
    )
    parser.add_argument("--ledger", type=Path, help="packet ledger as JSON (default: beside the flow table)")
    parser.add_argument(
        "--source",
        help="as a stage: name of a source in params.yaml, which then also gives the options below",
    )
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default="clean",
        help="; ".join(f"{p.name}: {p.meaning}" for p in PROFILES.values()),
    )
    parser.add_argument(
        "--flow-timeout",
        type=float,
        default=120.0,
        metavar="S",
        help="a flow ends this long after its start (default: %(default)s)",
    )
    parser.add_argument(
        "--activity-timeout",
        type=float,
        default=5.0,
        metavar="S",
        help="longer gaps are idle time (default: %(default)s)",
    )
    parser.add_argument(
        "--idle-timeout",
        type=float,
        default=120.0,
        metavar="S",
        help="clean: a flow silent so long is over; 0: off (default: %(default)s)",
    )
    parser.add_argument(
        "--tunnels",
        choices=("inner", "outer"),
        default="inner",
        help="clean: what to meter of tunnels (default: %(default)s)",
    )
    parser.add_argument(
        "--keep-going", action="store_true", help="exit code 0 and further captures in spite of damaged ones"
    )
    parser.add_argument(
        "--for-keeping",
        action="store_true",
        help="as a stage does: SHA-256 of the captures into the ledger, smaller Parquet file; slower",
    )
    args = parser.parse_args()
    if bool(args.captures) == bool(args.source):
        parser.error("give captures or --source, one of them")
    return args


def main() -> None:
    """Run the stage or the tool."""
    args = arguments()
    start = time.perf_counter()
    load_numba_without_scipy()
    try:
        if args.source:
            data, options = read_data(captures=True), read_section("meter", Params)
            if args.source not in data.sources:
                sys.exit(
                    f"error: no source {args.source!r} in data.sources; there are {', '.join(data.sources)}"
                )
            captures = captures_of_source(data.root, data.sources[args.source])
        else:
            options = Params(
                args.profile,
                args.flow_timeout,
                args.activity_timeout,
                args.idle_timeout,
                args.tunnels,
                args.keep_going,
            )
            captures = [
                NamedCapture(path, "stdin" if path == "-" else Path(path).name) for path in args.captures
            ]
        ledgers = meter(captures, args.out, options, for_keeping=args.for_keeping or bool(args.source))
        sums = totals(ledgers)
        write_json(
            {"captures": [ledger.as_dict() for ledger in ledgers], "totals": sums},
            args.ledger or args.out.with_suffix(".ledger.json"),
        )
    except (ValueError, KeyError) as error:
        sys.exit(f"error: {error.args[0] if isinstance(error, KeyError) else error}")
    except OSError as error:
        sys.exit(f"error: {error}; {args.out} is not written")
    print(*in_words(ledgers, args.out, seconds=time.perf_counter() - start), sep="\n", file=sys.stderr)
    sys.exit(0 if sums["complete"] or options.keep_going else 1)


if __name__ == "__main__":
    main()
