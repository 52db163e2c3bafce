"""Labels of a table that was published with features of its own: they stand in the table, the release knows their classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from iotids.flowmeter.columns.own import PUBLISHED_LABELS
from iotids.truth.formats.contract import Format, Packets, Source, Truth
from iotids.truth.labelling.flow_labels import CaptureLabels, Verdict
from iotids.truth.published.contract import Release
from iotids.truth.published.registry import find_release


@dataclass(frozen=True)
class Options:
    """`release` is a name in published.registry; `files` are files of the source's folder, wild cards allowed."""

    release: str
    files: list[str]

    def __post_init__(self) -> None:
        """Refuse an unknown release."""
        find_release(self.release)


def open_published(source: Source, options: Options) -> Truth:
    """Know the classes of the release."""
    release = find_release(options.release)

    def label(capture: str, rows: pa.Table, packets: Packets) -> tuple[str, CaptureLabels]:
        return source.name, label_rows(capture, rows, release)

    return Truth(label, columns=PUBLISHED_LABELS)


def label_rows(capture: str, rows: pa.Table, release: Release) -> CaptureLabels:
    """Class of each row by its published label; the file is the recording."""
    pairs = [column.combine_chunks().dictionary_encode() for column in rows.select(PUBLISHED_LABELS).columns]
    labels, sublabels = ([str(word) for word in pair.dictionary.to_pylist()] for pair in pairs)
    codes = [pair.indices.to_numpy(zero_copy_only=False).astype(np.int64) for pair in pairs]
    kinds, inverse = np.unique(codes[0] * max(len(sublabels), 1) + codes[1], return_inverse=True)
    verdicts = tuple(
        Verdict(release.classes[label.lower()], sublabels[kind % len(sublabels)], f"label {label}")
        for kind in kinds.tolist()
        for label in [labels[kind // len(sublabels)]]
    )
    return CaptureLabels(capture, capture, verdicts, inverse.astype(np.int32))


FORMAT = Format(Options, open_published)
