"""The formats of ground truth by the word that `kind` in a source's entry has for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iotids.truth.formats import folders, label_table, mac_list, own_rules, packet_filters, published, zeek
from iotids.truth.formats.contract import Format, Source, Truth, read_options

FORMATS: dict[str, Format] = {
    "packet_filters": packet_filters.FORMAT,
    "folders": folders.FORMAT,
    "mac_list": mac_list.FORMAT,
    "zeek": zeek.FORMAT,
    "label_table": label_table.FORMAT,
    "rules": own_rules.FORMAT,
    "published": published.FORMAT,
}


def open_truth(name: str, entry: Mapping[str, Any], root: Path, benign: str) -> Truth:
    """Open the ground truth of a source.

    Parameters
    ----------
    name : str
        Name of the source, for messages.
    entry : mapping
        The source's entry in the parameters, with `kind`.
    root : Path
        Folder that paths in the entry are relative to.
    benign : str
        The benign class.

    Raises
    ------
    KeyError
        An unknown kind, or an unknown or missing option.
    FileNotFoundError
        A truth file is not there.
    ValueError
        A truth file cannot be understood.
    """
    kind = entry.get("kind")
    if kind not in FORMATS:
        raise KeyError(f"data.sources.{name}.kind is {kind!r}; known are {', '.join(FORMATS)}")
    chosen = FORMATS[kind]
    folder = root / str(entry.get("folder", "."))
    return chosen.open_truth(Source(name, root, folder, benign), read_options(name, entry, chosen.options))
