"""A command: captures in, a verdict for every flow out (docs/detector.md).

iotids detect CAPTURE... [--model NAME] -o verdicts.parquet [--report page.html]
tcpdump -i eth0 -U -w - | iotids detect - -o verdicts.jsonl
iotids detect --follow FOLDER -o verdicts.jsonl      sudo iotids detect --interface eth0
iotids calibrate BENIGN_CAPTURE... -o own-network.json
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from iotids.detecting.running.command_line import parse_arguments
from iotids.detecting.running.stop import Stop
from iotids.plumbing.errors import DISK_ERRORS, in_words
from iotids.plumbing.light_start import arrow_without_pandas
from iotids.plumbing.output_names import (
    CAPTURES,
    BadPathError,
    check_ending,
    check_paths,
    naming,
    refuse_repeated,
)
from iotids.plumbing.progress import progress_bar
from iotids.tracking.registry import NoSuchModelError, fetch

if TYPE_CHECKING:
    from iotids.detecting.summary.tally import Tally

VERDICTS, POINT = "verdicts.parquet", "own-network.json"  # where -o does not say otherwise


def configured() -> list[str]:
    """The packages that params.yaml asks for; the first is the one to use when none is named."""
    params = (
        yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
        if Path("params.yaml").is_file()
        else {}
    )
    return [
        one["run"]
        for one in params.get("final", {}).get("configurations", [{"run": "multiclass-dl_sensible"}])
    ]


def run(arguments: argparse.Namespace, stop: Stop) -> int:
    """Do what the command line asks for; gives the exit code."""
    check_files(arguments)
    from iotids.detecting.package.find_package import BOX, find_package

    package = find_package(
        arguments.model,
        profile=arguments.profile,
        configurations=configured(),
        fetch=fetch,
        unknown=NoSuchModelError,
    )
    if arguments.model is None and package.folder == BOX:
        print("note: no package of your own here, so the detector in the box judges", file=sys.stderr)
    import pyarrow as pa

    from iotids.detecting.acting.acting import Asked
    from iotids.detecting.calibrating.calibration_run import calibrate_on
    from iotids.detecting.following.folder import FollowedFolder
    from iotids.detecting.judging.novelty import clipped_distances
    from iotids.detecting.running.compiling_first import compile_first
    from iotids.detecting.running.interface import Interface, check_interface, give_up_root, whom_to_become
    from iotids.detecting.running.runs import Wanted, judge_captures
    from iotids.detecting.running.sources import NamedFile, StandardInput, open_capture
    from iotids.flowmeter.columns.groups import CONTEXT
    from iotids.flowmeter.pipeline.compiling_ahead import compiling_in_words

    # Arrow's own allocator gives pages back and takes them again: a fifth of the time
    pa.set_memory_pool(pa.system_memory_pool())
    if arguments.interface is None and (sentence := compiling_in_words(clipped_distances)):
        print(f"note: {sentence}", file=sys.stderr, flush=True)
    settings, faults = package.meter_settings, []
    if arguments.calibrate or arguments.operating_point is not None:
        settings = settings | {"columns": (CONTEXT,)}  # habits are about what end points did before
    if arguments.in_order:
        settings = settings | {"in_order": True}

    def lose(sentence: str) -> None:
        faults.append(sentence)
        print(f"error: {sentence}", file=sys.stderr)

    with arrow_without_pandas(), progress_bar(unit="flows", description="detect") as bar:
        shown = lambda tally: _show(bar, tally)  # noqa: E731
        if arguments.calibrate:
            out = Path(arguments.out or POINT)
            with naming(out):
                return calibrate_on(
                    package,
                    arguments.captures,
                    lambda path: open_capture(path, settings, stop),
                    max_alarms_per_day=arguments.max_alarms_per_day,
                    out=out,
                    show=shown,
                )
        sources: Iterable[Any] = (
            StandardInput(settings, stop) if path == "-" else NamedFile(path, settings, stop)
            for path in arguments.captures
        )
        if arguments.follow is not None:
            note = lambda sentence: print(f"note: {sentence}", file=sys.stderr)  # noqa: E731
            folder = FollowedFolder(arguments.follow, stopped=stop.asked, notice=note, lose=lose)
            sources = folder.pieces(settings, max_bytes=arguments.max_bytes)
        if arguments.interface is not None:
            check_interface(arguments.interface)
            whom = whom_to_become(arguments.user)
            # read before rights go: others may not read Python's folder
            import llvmlite.binding  # noqa: F401
            import numpy.random  # noqa: F401

            compile_first(package.folder, whom)
            sources = [Interface(arguments.interface, settings, stop, whom)]
            give_up_root(whom)
        live = not arguments.captures or "-" in arguments.captures
        wanted = Wanted(
            arguments.out or VERDICTS,
            arguments.report,
            arguments.operating_point,
            live,
            Asked(arguments.ecs, arguments.eve, arguments.incidents, arguments.slice),
            tuple(arguments.captures),
        )
        return judge_captures(package, sources, wanted, stop, shown, faults)


def check_files(arguments: argparse.Namespace) -> None:
    """Refuse files that cannot be read or written, before a model is opened; raises as `check_paths` and `check_ending`."""
    from iotids.detecting.acting.acting import ONE_FILE

    point = "--operating-point wants a file that `iotids calibrate` made"
    inputs = {CAPTURES: arguments.captures, point: [arguments.operating_point]}
    is_folder = arguments.slice is not None and arguments.slice.suffix not in ONE_FILE
    folders, ordinary = ["--slice"] if is_folder else [], ["--ecs", "--eve", "--incidents"]
    check_paths(inputs, outputs_of(arguments), folders=folders, ordinary=ordinary)
    if not arguments.calibrate and arguments.out != "-":
        check_ending("-o", arguments.out, (".parquet", ".csv", ".jsonl"))
    if arguments.incidents != "-":
        check_ending("--incidents", arguments.incidents, (".csv", ".json", ".jsonl"))
    refuse_repeated(arguments.captures)
    if is_folder:
        refuse_slices_over_captures(arguments.slice, arguments.captures)


def refuse_slices_over_captures(folder: Path, captures: Iterable[str]) -> None:
    """Refuse a folder of slices that holds a slice of an earlier run which is read now; raises BadPathError."""
    for capture in map(os.path.realpath, captures):
        above, name = os.path.split(capture)
        if re.fullmatch(r"incident-\d+\.pcap(ng)?", name) and above == os.path.realpath(folder):
            raise BadPathError(
                f"--slice {folder}: {name} in it is read, and could be overwritten; give another folder"
            )


def outputs_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Files and folders that the command writes, by option."""
    out = Path(arguments.out or (POINT if arguments.calibrate else VERDICTS))
    named = {name: getattr(arguments, name) for name in ("report", "ecs", "eve", "incidents", "slice")}
    outputs = {"-o": out} | {f"--{name}": path for name, path in named.items()}
    if arguments.calibrate or str(out) == "-" or not out.name:
        return outputs
    unfinished = out.with_name(f"{out.stem}.incomplete{out.suffix}")
    return outputs | {"-o, summary:": f"{out}.summary.json", "-o, until it is complete:": unfinished}


def _show(bar: Any, tally: Tally) -> None:
    """Move the progress bar to the flows so far."""
    bar.update(tally.flows - bar.n)
    bar.set_postfix_str(
        f"{tally.attacks:,} attack, {tally.verdicts.get('unknown', 0):,} unknown, {len(tally.incidents.open):,} open"
    )


def main() -> int:
    """Run the command; a refusal is one line and exit code 2, a full disk one and 1."""
    # read when numpy is loaded: threads that wait for small products take a third of the processor time
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments, stop = parse_arguments(__doc__), Stop()
    try:
        return run(arguments, stop)
    except (ValueError, OSError) as error:
        print(f"error: {in_words(error)}", file=sys.stderr)
        return 1 if getattr(error, "errno", None) in DISK_ERRORS else 2


if __name__ == "__main__":
    sys.exit(main())
