"""A command: download the public datasets as far as they need no login, and say exactly what to do for the others.

python -m stages.fetch d3 d4 --to datasets          python -m stages.fetch d4 --parts 34-1 44-1          python -m stages.fetch d1
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from pathlib import Path

import pooch

from stages.plumbing.progress import progress_bar
from stages.plumbing.tables import write_text
from stages.truth.downloads import Catalogue, Download, instructions, read_catalogue
from stages.truth.resuming import ResumingDownloader, ask_size
from stages.truth.unpacking import unpack_captures

UNPACKED_TIMES = 4  # an archive and what is in it need so many times its size; compressed traffic shrinks to a third or more


def fetch(catalogue: Catalogue, folder: Path, *, attempts: int = 5, pause_s: float = 1.0) -> None:
    """Download what is not there yet.

    Raises
    ------
    OSError
        Not enough space, a server that refuses or keeps breaking off; what has come is kept.
    ValueError
        A file has other bytes than published or than the first time; it is deleted.
    """
    pooch.get_logger().setLevel("ERROR")
    folder.mkdir(parents=True, exist_ok=True)
    sums = _read_sums(folder)
    wanted = [download for download in catalogue.downloads if not _is_there(download, folder, sums)]
    sizes = {download: ask_size(download.url) for download in wanted}
    _check_space(sizes, folder)
    with progress_bar(total=sum(size or 0 for size in sizes.values()), unit="B", description=catalogue.folder) as bar:
        for download in wanted:
            target = folder / download.name
            target.parent.mkdir(parents=True, exist_ok=True)
            downloader = ResumingDownloader(
                target.with_name(f".{target.name}.part"), attempts=attempts, pause_s=pause_s, progress=bar.update
            )
            known = download.sha256 or sums.get(download.name)
            target.unlink(missing_ok=True)
            pooch.retrieve(download.url, known and f"sha256:{known}", fname=target.name, path=target.parent, downloader=downloader)
            sums[download.name] = _sha256(target)
            if download.unpack:
                unpack_captures(target, target.parent)
            write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())), folder / "SHA256SUMS")


def _is_there(download: Download, folder: Path, sums: dict[str, str]) -> bool:
    """Tell whether a file is there with the right bytes; an unpacked archive may have been deleted."""
    target, known = folder / download.name, download.sha256 or sums.get(download.name)
    if download.unpack and not target.is_file():
        return download.name in sums and (folder / download.name.replace(".tar.gz", ".pcap")).is_file()
    return target.is_file() and known == _sha256(target)


def _check_space(sizes: dict[Download, int | None], folder: Path) -> None:
    """Show the sizes, and stop when they do not fit."""
    for download, size in sizes.items():
        print(f"{download.name}: {'size unknown' if size is None else f'{size / 1e6:,.1f} MB'}  {download.url}", file=sys.stderr)
    needed = sum((size or 0) * (UNPACKED_TIMES if download.unpack else 1) for download, size in sizes.items())
    free = shutil.disk_usage(folder).free
    print(
        f"{len(sizes)} files to fetch; {needed / 1e9:,.2f} GB needed with unpacking, {free / 1e9:,.2f} GB free at {folder}", file=sys.stderr
    )
    if needed > free:
        raise OSError(
            f"{folder}: {needed / 1e9:,.2f} GB needed, {free / 1e9:,.2f} GB free; choose less with --parts, or another folder with --to"
        )


def _read_sums(folder: Path) -> dict[str, str]:
    """Read the hashes of earlier downloads."""
    path = folder / "SHA256SUMS"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", choices=["d1", "d2", "d3", "d4"])
    parser.add_argument("--to", type=Path, default=Path("datasets"), help="where to put them (default: datasets)")
    parser.add_argument("--parts", nargs="+", default=(), metavar="PART", help="days of d3 or scenarios of d4 (default: all)")
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
            print(f"{dataset}: complete in {args.to / catalogue.folder}; now: dvc add {args.to / catalogue.folder}")
        except (OSError, ValueError) as error:
            failed.append(f"error: {dataset}: {error}")
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
