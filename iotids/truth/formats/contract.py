"""What a format of ground truth is: options that a source's entry can give, and how to open it as labels per
capture.

A new format is a file with a dataclass of options, an opener and a `FORMAT`, and a line in `registry.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from iotids.truth.labelling.flow_labels import CaptureLabels

T = TypeVar("T")
Packets = Callable[[], Iterable[pa.RecordBatch]]
LabelCapture = Callable[[str, pa.Table, Packets], tuple[str, CaptureLabels]]
FLOW_COLUMNS = (
    "src_ip",
    "src_port",
    "dst_ip",
    "dst_port",
    "protocol",
    "start_us",
    "flow_duration_us",
    "flow_number",
    "src_mac",
    "dst_mac",
)
_NOT_OURS = {"kind", "folder", "watch", "root"}


@dataclass(frozen=True)
class Source:
    """A source as its format sees it: name, root that paths are relative to, folder of captures, benign class."""

    name: str
    root: Path
    folder: Path
    benign: str


@dataclass(frozen=True)
class Truth:
    """Ground truth of a source.

    `label(capture, flows, packets)` gives the network's name and the verdicts; `flows` have the columns that
    `columns` names: fewer take less memory. `names` are captures or globs that the truth speaks of;
    `reads_packets` says that captures without a flow have something to say too.
    """

    label: LabelCapture
    names: tuple[str, ...] = ()
    reads_packets: bool = False
    columns: tuple[str, ...] = FLOW_COLUMNS


@dataclass(frozen=True)
class Format:
    """`options` is a dataclass; `open_truth(source, options)` reads the truth files. With `names_sites` their flows
    are of the sites that these files name, instead of the source.

    Raises FileNotFoundError for a truth file that is not there and ValueError for one that cannot be
    understood.
    """

    options: type
    open_truth: Callable[[Source, Any], Truth]
    names_sites: bool = False


def read_options(source: str, entry: Mapping[str, Any], kind: type[T]) -> T:
    """Read a source's entry as the options of its format.

    Raises
    ------
    KeyError
        An unknown or missing option, by name.
    """
    given = {key: value for key, value in entry.items() if key not in _NOT_OURS}
    known = {field.name: field.default is MISSING for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(given) - set(known)):
        raise KeyError(
            f"data.sources.{source}: unknown option {', '.join(unknown)} for kind {entry['kind']}; known are {', '.join(known)}"
        )
    if missing := [name for name, is_required in known.items() if is_required and name not in given]:
        raise KeyError(
            f"data.sources.{source}: option {', '.join(missing)} is missing for kind {entry['kind']}"
        )
    return kind(**given)
