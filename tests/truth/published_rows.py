"""Made-up records in the formats of published tables: values are invented, columns and labels are those of the releases."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from iotids.truth.published.contract import Release
from iotids.truth.published.registry import RELEASES

LABELS_AS_WRITTEN = {"unsw_nb15_raw": {"fuzzers": " Fuzzers "}}


def made_up_rows(release: Release, n: int, *, seed: int = 7) -> list[list[str]]:
    """n records, labels in turn; numbers depend on the class, so that a model can learn something."""
    rng = np.random.default_rng(seed)
    labels = list(release.classes)
    rows = []
    for number in range(n):
        label = labels[number % len(labels)]
        level = 1 + release.class_names.index(release.classes[label])
        row = []
        for name in release.columns:
            if name == release.label:
                row.append(
                    LABELS_AS_WRITTEN.get(release.name, {}).get(label, label) + release.label_ends_with
                )
            elif name in release.categories:
                values = release.categories[name]
                row.append(values[(level + int(rng.integers(2))) % len(values)])
            elif name in release.identity.values() or name in release.left_out or name == release.sublabel:
                row.append(identity_text(release, name, number))
            else:
                row.append(f"{level * 10 + rng.normal():.3f}")
        rows.append(row)
    return rows


def identity_text(release: Release, name: str, number: int) -> str:
    """A value of a column that no model sees."""
    ours = next((key for key, theirs in release.identity.items() if theirs == name), "")
    if ours.endswith("_ip"):
        return f"192.168.1.{1 + number % 5}"
    if ours.endswith("_mac"):
        return f"00:11:22:33:44:{number % 5:02x}"
    return str(1421927414 + number) if ours == "start_us" else str(number % 1000)


def write_release(path: Path, release: Release, rows: list[list[str]], *, header: bool | None = None) -> Path:
    """Write a file as the release has it, or with or without a header."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        if release.header if header is None else header:
            writer.writerow(release.columns)
        writer.writerows(rows)
    return path


def made_up_file(folder: Path, name: str, file: str, n: int, *, seed: int = 7) -> Path:
    """A made-up file of the release of a name."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_release(folder / file, RELEASES[name], made_up_rows(RELEASES[name], n, seed=seed))
