"""Save a Keras model so that the same weights give the same bytes: without the time of saving and without
memory addresses.
"""

from __future__ import annotations

import json
import re
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
    content["config.json"] = renumbered(content["config.json"].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name, EARLIEST), data)


def renumbered(config: str) -> str:
    """The configuration with shared objects numbered from 1 as they appear; Keras numbers them by their
    address in memory.
    """
    numbers: dict[str, int] = {}
    number = lambda match: f"{match[1]}{numbers.setdefault(match[2], len(numbers) + 1)}"  # noqa: E731
    return re.sub(r'("shared_object_id": )(\d+)', number, config)
