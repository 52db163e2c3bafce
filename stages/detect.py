"""A command: captures in, a verdict for every flow out (docs/detector.md).

python -m stages.detect CAPTURE... [--model NAME] -o verdicts.parquet [--report page.html]
tcpdump -i eth0 -U -w - | python -m stages.detect - -o verdicts.jsonl
python -m stages.detect --follow FOLDER -o verdicts.jsonl
python -m stages.detect --calibrate BENIGN_CAPTURE... --max-alarms-per-day 1 -o own-network.json
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stages.detecting.package import MANIFEST, Package, PackageError, open_package
from stages.detecting.stop import Stop
from stages.plumbing.progress import progress_bar
from stages.plumbing.registry import NoSuchModelError, fetch

if TYPE_CHECKING:
    from stages.detecting.tally import Tally

FINAL = Path("out/final")


def find_package(named: str | None, profile: str | None) -> Package:
    """Open what --model names: a folder, a name below out/final, an alias in MLflow's registry; by default final.configurations[0]."""
    if named is None:
        params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8")) if Path("params.yaml").is_file() else {}
        named = str(FINAL / params.get("final", {}).get("configurations", ["multiclass-5"])[0])
    for folder in (Path(named), FINAL / named):
        if folder.exists():
            return open_package(folder, profile=profile)
    there = ", ".join(sorted(p.parent.name for p in FINAL.glob(f"*/{MANIFEST}"))) or "none: `dvc repro final` makes them"
    if "/" in named:
        raise PackageError(f"{named}: no such folder; packages below {FINAL}/: {there}")
    try:
        return open_package(fetch(named, Path(tempfile.mkdtemp(prefix="detector-"))), profile=profile)
    except NoSuchModelError as error:
        raise PackageError(f"{error}. Packages below {FINAL}/: {there}") from error


def open_capture(path: str, package: Package, stop: Stop) -> Any:
    """The flow meter of a capture, set as for the training flows; when asked to stop it ends early with all flows handed out."""
    from stages.flowmeter.flows import Meter
    from stages.live.meter import LiveMeter

    settings = package.manifest["meter"]
    meter = LiveMeter(**settings, stopped=stop.asked) if path == "-" else Meter(path, keep_going=True, with_digest=False, **settings)
    blocks = meter.capture.blocks
    meter.capture.blocks = lambda: stop.until_asked(blocks())  # type: ignore[method-assign]
    return meter


def run(arguments: argparse.Namespace, stop: Stop) -> int:
    """Do what the command line asks for; gives the exit code."""
    package = find_package(arguments.model, arguments.profile)
    from stages.detecting.runs import Wanted, calibrate_on, judge_captures  # onnxruntime: once the arguments are found good

    opened = lambda path: open_capture(path, package, stop)  # noqa: E731
    with progress_bar(unit="flows", description="detect") as bar:
        shown = lambda tally: _show(bar, tally)  # noqa: E731
        if arguments.calibrate:
            out = Path(arguments.out or "own-network.json")
            return calibrate_on(
                package, arguments.captures, opened, max_alarms_per_day=arguments.max_alarms_per_day, out=out, told_so_far=shown
            )
        live = arguments.follow is not None or "-" in arguments.captures
        wanted = Wanted(arguments.out or "verdicts.parquet", arguments.report, arguments.operating_point, live)
        return judge_captures(package, _sources(arguments, stop), opened, wanted, stop, shown)


def _sources(arguments: argparse.Namespace, stop: Stop) -> Iterable[str]:
    """The captures of the command line, or those that appear in a folder."""
    if arguments.follow is None:
        return list(arguments.captures)
    from stages.detecting.follow import finished_captures
    from stages.flowmeter.capture import is_capture_name

    return map(str, finished_captures(arguments.follow, is_capture=is_capture_name, stopped=stop.asked))


def _show(bar: Any, tally: Tally) -> None:
    """Move the progress bar to the flows so far."""
    bar.update(tally.flows - bar.n)
    bar.set_postfix_str(f"{tally.attacks:,} attack, {tally.verdicts.get('unknown', 0):,} unknown")


def parse_arguments() -> argparse.Namespace:
    """The command line, checked for what does not go together."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.detect", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("captures", nargs="*", help="pcap or pcapng, also .gz, .xz, .zst; - reads standard input")
    parser.add_argument(
        "--model", help="a package's folder, its name below out/final, or an alias in MLflow's registry (default: final.configurations[0])"
    )
    parser.add_argument(
        "-o", "--out", help="verdicts as .parquet, .csv, .jsonl, or - for JSON lines on standard output (default: verdicts.parquet)"
    )
    parser.add_argument("--report", type=Path, metavar="PAGE", help="also write one self-contained HTML page")
    parser.add_argument(
        "--follow", type=Path, metavar="FOLDER", help="take the captures of a folder as they are finished, until a signal comes"
    )
    parser.add_argument("--operating-point", type=Path, metavar="JSON", help="use an operating point that --calibrate made")
    parser.add_argument("--profile", help="refuse a model that was trained on flows of another profile")
    parser.add_argument(
        "--calibrate", action="store_true", help="the captures are benign traffic of your network: set the operating point on them"
    )
    parser.add_argument("--max-alarms-per-day", type=float, metavar="N", help="with --calibrate: false alarms a day that you can stand")
    arguments = parser.parse_args()
    if bool(arguments.captures) == (arguments.follow is not None):
        parser.error("give captures, or - for standard input, or --follow FOLDER")
    if arguments.calibrate and (arguments.max_alarms_per_day is None or arguments.max_alarms_per_day < 0):
        parser.error("--calibrate wants --max-alarms-per-day N, N >= 0")
    if arguments.captures.count("-") and len(arguments.captures) > 1:
        parser.error("standard input goes alone")
    return arguments


def main() -> int:
    """Run the command; a refusal is one line and exit code 2."""
    arguments, stop = parse_arguments(), Stop()
    try:
        return run(arguments, stop)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
