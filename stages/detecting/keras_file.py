"""Save a Keras model so that the same weights give the same bytes: without the time of saving."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

EARLIEST = (1980, 1, 1, 0, 0, 0)  # of the zip format


def save_keras(model: Any, path: Path) -> None:
    """Write `model` to `path`, which ends in .keras."""
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in sorted(archive.namelist())}
    notes = json.loads(content["metadata.json"])
    content["metadata.json"] = json.dumps({**notes, "date_saved": ""}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name, EARLIEST), data)
