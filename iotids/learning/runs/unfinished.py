"""Keep the finished parts of a long stage beside its output, so that a run that was broken off goes on where
it stopped.

DVC removes a stage's outputs before it runs; the folder `.<out>.unfinished` is none of them, so it survives
until the stage is done.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np

from iotids.writing.tables import replacing, write_text


class Unfinished:
    """Named sets of arrays in a folder beside `out`; a folder left by other inputs or parameters (other
    fingerprint) is thrown away.
    """

    def __init__(self, out: Path, fingerprint: str) -> None:
        self.folder = out.with_name(f".{out.name}.unfinished")
        mark = self.folder / "fingerprint"
        if not mark.is_file() or mark.read_text(encoding="utf-8") != fingerprint:
            self.forget()
            write_text(fingerprint, mark)

    def save(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        """Store arrays under a name, instead of what was there."""
        with replacing(self.folder / f"{name}.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """Give the arrays stored under a name; None when there are none or the file is damaged."""
        path = self.folder / f"{name}.npz"
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as stored:
                return {key: stored[key] for key in stored.files}
        except (ValueError, OSError, EOFError, zipfile.BadZipFile):
            return None

    def forget(self) -> None:
        """Remove the folder: the output is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)
