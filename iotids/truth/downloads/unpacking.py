"""Take the captures out of a downloaded archive, and nothing else."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

CAPTURES = (".pcap", ".pcapng", ".cap")


def unpack_captures(archive: Path, folder: Path) -> list[Path]:
    """Extract the captures of a tar archive into a folder, by their bare names.

    A capture gets its name only when it is complete.

    Raises
    ------
    ValueError
        The archive is damaged, or holds no capture.
    """
    found = []
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = PurePosixPath(member.name).name
                if not member.isfile() or not name.endswith(CAPTURES):
                    continue
                part = folder / f".{name}.part"
                stream = tar.extractfile(member)
                if stream is None:
                    continue
                with stream, part.open("wb") as target:
                    shutil.copyfileobj(stream, target, 1 << 20)
                found.append(part.rename(folder / name))
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        for part in folder.glob(".*.part"):
            part.unlink()
        raise ValueError(f"{archive}: damaged archive ({error}); delete it and fetch again") from error
    if not found:
        raise ValueError(f"{archive}: no capture in it")
    return found
