"""Write the sample: four scenarios of captures with their ground truth.

    iotids sample data/sample --seed 7

The same seed and scale give the same bytes on every machine.  Nothing is sent; the packets exist only in the
files.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from iotids.testbed.sample import write_sample

DISK_MB = 7  # of captures for each 1 of scale: measured at 1 and 50


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, write the sample, say how big it became."""
    parser = argparse.ArgumentParser(
        prog="iotids sample",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "folder", type=Path, help="where to write; must not exist yet or be empty, unless --force"
    )
    parser.add_argument(
        "--seed", type=int, default=7, help="other seeds give other samples of the same kind (default 7)"
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="how much of everything; 1 is about 1/50 of the paper's flows",
    )
    parser.add_argument("--force", action="store_true", help="overwrite files of an earlier run")
    options = parser.parse_args(arguments)
    if options.scale <= 0:
        parser.error(f"--scale {options.scale}: must be above 0")
    if options.folder.exists() and not options.folder.is_dir():
        parser.error(f"{options.folder} is a file; give a folder")
    if options.folder.is_dir() and any(options.folder.iterdir()) and not options.force:
        parser.error(f"{options.folder} is not empty; give another folder or --force")
    if too_little := shortage(options.folder, options.scale):
        parser.error(f"--scale {options.scale}: {too_little}; give a smaller --scale")
    began_s = time.monotonic()
    n_files, n_packets, n_bytes = write_sample(
        options.folder, seed=options.seed, scale=options.scale, say=_say
    )
    _say(
        f"{n_files} captures, {n_packets} packets, {n_bytes / 1e6:.1f} MB in {time.monotonic() - began_s:.0f} s: {options.folder}",
        done=True,
    )
    return 0


def shortage(folder: Path, scale: float) -> str | None:
    """What a sample of this scale wants of the disk and does not find there; None where it fits."""
    place = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    needed, free = DISK_MB * scale / 1e3, shutil.disk_usage(place).free / 1e9
    return f"needs about {needed:.1f} GB, {free:.1f} GB are free at {place}" if needed > free else None


def _say(text: str, *, done: bool = False) -> None:
    """Show progress in one changing line on a terminal; elsewhere only the last word."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="\n" if done else "", file=sys.stderr, flush=True)
    elif done:
        print(text, file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
