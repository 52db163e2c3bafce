"""Benign captures of a site → its operating point (docs/detector.md): iotids calibrate CAPTURE... -o site.json"""

from __future__ import annotations

import argparse
import sys

from iotids.commands import detect
from iotids.flowmeter.profiles import PROFILES


def main() -> int:
    """Read the command line, hand it to `detect --calibrate`."""
    parser = argparse.ArgumentParser(prog="iotids calibrate", description=__doc__)
    parser.add_argument(
        "captures", nargs="+", help="benign traffic of the site, a day or more; - reads standard input"
    )
    parser.add_argument(
        "--max-alarms-per-day",
        type=float,
        metavar="N",
        help="also set the threshold, for so many false alarms (flows) a day; default: the model's own, and habits only",
    )
    parser.add_argument("--model", help="package, as for `iotids detect`")
    parser.add_argument(
        "--profile", choices=PROFILES, help="refuse a model that was trained on flows of another profile"
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="JSON",
        help="operating point, for `iotids detect --operating-point`; what is there is overwritten (default: own-network.json)",
    )
    given = vars(parser.parse_args())
    captures = given.pop("captures")
    options = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]
    sys.argv = ["iotids calibrate", "--calibrate", *options, "--", *captures]
    return detect.main()
