"""Which files of a download are here with the right bytes: `SHA256SUMS` beside them, in the format of
sha256sum.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from iotids.truth.downloads.file_list import Download

SUMS_NAME = "SHA256SUMS"


def read_sums(folder: Path) -> dict[str, str]:
    """Read the hashes of earlier downloads by file name; none without the file."""
    path = folder / SUMS_NAME
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def format_sums(sums: dict[str, str]) -> str:
    """Write hashes as `sha256sum -c` reads them, in the order of the names."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))


def sha256_of(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_here(download: Download, folder: Path, sums: dict[str, str]) -> bool:
    """Tell whether a file is here with the published bytes, or those of its first download; an unpacked
    archive may have been deleted.
    """
    target, known = folder / download.name, download.sha256 or sums.get(download.name)
    if download.unpack and not target.is_file():
        return download.name in sums and (folder / download.name.replace(".tar.gz", ".pcap")).is_file()
    return target.is_file() and known == sha256_of(target)
