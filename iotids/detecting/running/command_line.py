"""What can be written behind `iotids detect`, and what of it does not go together."""

from __future__ import annotations

import argparse
from pathlib import Path

from iotids.flowmeter.profiles import PROFILES
from iotids.flowmeter.sizes import number_of_bytes

MAX_BYTES = 20_000_000_000  # of a followed file: others than the user may write there


def parse_arguments(description: str | None) -> argparse.Namespace:
    """The command line, checked; `description` is what --help says first. Ends the program with code 2 on
    arguments that cannot be.
    """
    parser = argparse.ArgumentParser(
        prog="iotids detect",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "captures", nargs="*", help="pcap or pcapng, also .gz, .xz, .zst; - reads standard input"
    )
    parser.add_argument(
        "--model",
        help="a package's folder, its name below out/final, an alias in MLflow's registry, or `box` (default: final.configurations[0] if made, else box)",
    )
    parser.add_argument(
        "-o",
        "--out",
        help="verdicts as .parquet, .csv, .jsonl, or - for JSON lines on standard output; files that are there are overwritten (default: verdicts.parquet)",
    )
    parser.add_argument("--report", type=Path, metavar="PAGE", help="also write one self-contained HTML page")
    acting = parser.add_argument_group("incidents")
    acting.add_argument("--ecs", metavar="FILE", help="as JSON lines of the Elastic Common Schema")
    acting.add_argument("--eve", metavar="FILE", help="as alerts of Suricata's eve.json")
    acting.add_argument("--incidents", metavar="FILE", help="as .csv, or plain JSON lines")
    acting.add_argument(
        "--slice",
        type=Path,
        metavar="PLACE",
        help="packets of the highest one as PLACE.pcap, of all into folder PLACE",
    )
    parser.add_argument(
        "--interface",
        metavar="NAME",
        help="capture there by tcpdump, until a signal comes; in profile clean flows are judged after a silence of 120 s, closed connections too",
    )
    parser.add_argument(
        "--user", metavar="NAME", help="with --interface as root: whom to become (default: who called sudo)"
    )
    parser.add_argument(
        "--follow",
        type=Path,
        metavar="FOLDER",
        help="read the captures that are written in a folder, until a signal comes",
    )
    parser.add_argument(
        "--in-order",
        action="store_true",
        help="with live traffic: wait with a flow until none can come that ended before (the idle timeout), and judge it as in a finished capture",
    )
    parser.add_argument(
        "--max-bytes",
        type=number_of_bytes,
        default=MAX_BYTES,
        metavar="N",
        help=f"with --follow: how much a compressed capture may expand to, as 5e9 (default: {MAX_BYTES / 1e9:g}e9; 0: any amount)",
    )
    parser.add_argument(
        "--operating-point",
        type=Path,
        metavar="JSON",
        help="use an operating point that `iotids calibrate` made",
    )
    parser.add_argument(
        "--profile", choices=PROFILES, help="refuse a model that was trained on flows of another profile"
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help=argparse.SUPPRESS,  # `iotids calibrate` has a help page of its own
    )
    parser.add_argument(
        "--max-alarms-per-day",
        type=float,
        help=argparse.SUPPRESS,
    )
    arguments = parser.parse_args()
    given = [*arguments.captures[:1]]
    given += [f"--{name}" for name in ("follow", "interface") if getattr(arguments, name) is not None]
    if len(given) != 1:
        why = f"{' and '.join(given)} do not go together: " if given else ""
        parser.error(f"{why}give captures, or - for standard input, or --follow FOLDER, or --interface NAME")
    if arguments.calibrate and not arguments.captures:
        parser.error("--calibrate reads benign captures, or - for standard input")
    if arguments.max_alarms_per_day is not None and not arguments.max_alarms_per_day >= 0:
        parser.error(f"--max-alarms-per-day {arguments.max_alarms_per_day:g}: wanted is a number from 0")
    if arguments.user is not None and arguments.interface is None:
        parser.error("--user goes with --interface")
    if arguments.in_order and arguments.captures and "-" not in arguments.captures:
        parser.error("--in-order goes with live traffic: flows of finished captures always are")
    if arguments.captures.count("-") and len(arguments.captures) > 1:
        parser.error("standard input goes alone")
    if arguments.slice is not None and (not arguments.captures or "-" in arguments.captures):
        parser.error("--slice reads packets a second time: give captures in files")
    if [arguments.ecs, arguments.eve, arguments.incidents, arguments.out].count("-") > 1:
        parser.error("only one of -o, --ecs, --eve and --incidents can go to standard output")
    return arguments
