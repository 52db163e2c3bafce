"""A command: download the public datasets as far as they need no login, and say exactly what to do for the
others.

iotids fetch d3 d4 --to datasets          iotids fetch d4 --parts 34-1
44-1          iotids fetch d1
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import pooch

from iotids.plumbing.progress import progress_bar
from iotids.truth.downloads.checksums import SUMS_NAME, format_sums, is_here, read_sums, sha256_of
from iotids.truth.downloads.file_list import Catalogue, Download, instructions, read_catalogue
from iotids.truth.downloads.resuming import ResumingDownloader, ask_size
from iotids.truth.downloads.unpacking import unpack_captures
from iotids.writing.tables import write_text

UNPACKED_TIMES = 4  # an archive and what is in it need so many times its size; compressed traffic shrinks to a third or more


def fetch(catalogue: Catalogue, folder: Path, *, attempts: int = 5, pause_s: float = 1.0) -> None:
    """Download what is not here yet.

    Raises
    ------
    OSError
        Not enough space, a server that refuses or keeps breaking off; what has come is kept.
    ValueError
        A file has other bytes than published or than the first time, or fewer than announced; it is deleted.
    """
    pooch.get_logger().setLevel("ERROR")
    folder.mkdir(parents=True, exist_ok=True)
    sums = read_sums(folder)
    wanted = [download for download in catalogue.downloads if not is_here(download, folder, sums)]
    sizes = {download: ask_size(download.url) for download in wanted}
    _check_space(sizes, folder)
    with progress_bar(
        total=sum(size or 0 for size in sizes.values()), unit="B", description=catalogue.folder
    ) as bar:
        for download, size in sizes.items():
            target = folder / download.name
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".{target.name}.part")
            downloader = ResumingDownloader(part, attempts=attempts, pause_s=pause_s, progress=bar.update)
            known = download.sha256 or sums.get(download.name)
            target.unlink(missing_ok=True)
            pooch.retrieve(
                download.url,
                known and f"sha256:{known}",
                fname=target.name,
                path=target.parent,
                downloader=downloader,
            )
            _check_length(target, size, download.url)
            sums[download.name] = sha256_of(target)
            if download.unpack:
                unpack_captures(target, target.parent)
            write_text(format_sums(sums), folder / SUMS_NAME)


def _check_length(target: Path, size: int | None, url: str) -> None:
    """Refuse a file shorter than the server announced before; without a published hash nothing else would
    show it.
    """
    came = target.stat().st_size
    if size is not None and came < size:
        target.unlink()
        raise ValueError(
            f"{url}: {came:,} bytes came of the {size:,} that the server announced; deleted, run again to fetch it anew"
        )


def _check_space(sizes: dict[Download, int | None], folder: Path) -> None:
    """Show the sizes, and stop when they do not fit."""
    for download, size in sizes.items():
        print(
            f"{download.name}: {'size unknown' if size is None else f'{size / 1e6:,.1f} MB'}  {download.url}",
            file=sys.stderr,
        )
    needed = sum((size or 0) * (UNPACKED_TIMES if download.unpack else 1) for download, size in sizes.items())
    free = shutil.disk_usage(folder).free
    print(
        f"{len(sizes)} files to fetch; {needed / 1e9:,.2f} GB needed with unpacking, {free / 1e9:,.2f} GB free at {folder}",
        file=sys.stderr,
    )
    if needed > free:
        raise OSError(
            f"{folder}: {needed / 1e9:,.2f} GB needed, {free / 1e9:,.2f} GB free; choose less with --parts, or another folder with --to"
        )


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", nargs="+", choices=["d1", "d2", "d3", "d4"])
    parser.add_argument(
        "--to", type=Path, default=Path("datasets"), help="where to put them (default: datasets)"
    )
    parser.add_argument(
        "--parts", nargs="+", default=(), metavar="PART", help="days of d3 or scenarios of d4 (default: all)"
    )
    parser.add_argument("--base", default="", metavar="URL", help="another address that has the same files")
    args = parser.parse_args()
    failed = []
    for dataset in dict.fromkeys(args.datasets):
        if text := instructions(dataset, args.to):
            print(text)
            continue
        try:
            catalogue = read_catalogue(dataset, args.parts, args.base)
            fetch(catalogue, args.to / catalogue.folder)
            print(
                f"{dataset}: complete in {args.to / catalogue.folder}; now: dvc add {args.to / catalogue.folder}"
            )
        except (OSError, ValueError) as error:
            failed.append(f"error: {dataset}: {error}")
    if failed:
        sys.exit("\n".join(failed))
