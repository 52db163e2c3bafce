"""Which files a dataset consists of on the web, and where they go."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Download:
    """One file: address, place below the dataset's folder, published SHA-256 or None, and whether it is an
    archive to unpack.
    """

    url: str
    name: str
    sha256: str | None
    unpack: bool = False


@dataclass(frozen=True)
class Catalogue:
    """A dataset that can be downloaded."""

    about: str
    folder: str
    downloads: tuple[Download, ...]


def read_catalogue(dataset: str, parts: Sequence[str] = (), base: str = "") -> Catalogue:
    """List the files of a dataset.

    Parameters
    ----------
    dataset : str
        `d3` or `d4`.
    parts : sequence of str
        Days or scenarios (34-1 is enough for CTU-IoT-Malware-Capture-34-1); empty takes all but those to be
        had by name only.
    base : str
        Another address instead of the publisher's.

    Raises
    ------
    ValueError
        Unknown dataset or part, with those that there are.
    """
    known = _read_yaml()
    if dataset not in known or dataset == "by_hand":
        raise ValueError(f"dataset {dataset!r} is unknown; there are d1, d2, d3, d4")
    entry = known[dataset]
    chosen = [_find_part(part, entry["parts"] + entry.get("by_name", [])) for part in parts] or entry["parts"]
    files: list[tuple[dict[str, Any], dict[str, str]]] = [(spec, {}) for spec in entry["always"]] + [
        (spec, _words(part)) for part in chosen for spec in entry["files"]
    ]
    root = base or entry["base"]
    hashes: Mapping[str, str] = entry.get("hashes", {})
    downloads = []
    for spec, words in files:
        name = spec["name"].format(**words)
        url = root.rstrip("/") + "/" + spec["url"].format(**words)
        downloads.append(Download(url, name, spec["hash"] or hashes.get(name), bool(spec.get("unpack"))))
    return Catalogue(entry["about"], entry["folder"], tuple(downloads))


def instructions(dataset: str, to: Path) -> str | None:
    """Say how to get a dataset that needs a login; None for the others."""
    text = _read_yaml()["by_hand"].get(dataset)
    return text.format(to=to.as_posix()) if text else None


def _words(part: str) -> dict[str, str]:
    """Give what stands for `{part}` and `{capture}` in names."""
    rows = csv.DictReader(
        io.StringIO((HERE.parent / "labelling" / "iot23_scenarios.csv").read_text(encoding="utf-8"))
    )
    captures = {row["scenario"]: row["capture"] for row in rows}
    return {"part": part, "capture": captures.get(part, part)}


def _find_part(word: str, parts: Sequence[str]) -> str:
    """Find a part by its name or the end of it."""
    found = [part for part in parts if part == word or part.endswith(f"-{word}")]
    if len(found) != 1:
        raise ValueError(f"{word!r} is none of {', '.join(parts)}")
    return found[0]


def _read_yaml() -> dict[str, Any]:
    """Read the catalogue file."""
    return yaml.safe_load((HERE / "downloads.yaml").read_text(encoding="utf-8"))
