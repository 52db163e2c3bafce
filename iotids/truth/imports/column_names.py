"""Find our columns in the headers of other people's flow tables, however their tool spells them.

The versions of CICFlowMeter write the same column as `Total Length of Fwd Packet`, `TotLen Fwd Pkts`,
`TotLen_Fwd_Pkts`, `totlen_fwd_pkts` or ` Total Length of Fwd Packets`. A name is taken apart into words,
abbreviations are written out, and the set of words is compared; so order, case, spaces and underscores do not
matter.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from iotids.flowmeter.columns.schema import CORRECTED_EXTRAS, FEATURES, IDENTITY, Column

_WORDS = {
    "tot": "total",
    "totlen": "total length",
    "len": "length",
    "pkt": "packet",
    "pkts": "packet",
    "packets": "packet",
    "byts": "byte",
    "bytes": "byte",
    "b": "bulk",
    "blk": "bulk",
    "cnt": "count",
    "avg": "average",
    "var": "variance",
    "seg": "segment",
    "fwd": "forward",
    "bwd": "backward",
    "src": "source",
    "dst": "destination",
    "cwe": "cwr",
    "flags": "flag",
    "of": "",
    "tcp": "",
    "retrans": "retransmission",
}
LABEL_NAMES = {
    "label": "label",
    "cat": "category",
    "category": "category",
    "sub cat": "subcategory",
    "subcategory": "subcategory",
}
_OURS: tuple[Column, ...] = tuple(
    column for column in (*IDENTITY, *FEATURES, *CORRECTED_EXTRAS) if column.cic_name
)


@dataclass(frozen=True)
class Matching:
    """Where the columns of a header went.

    `columns` maps our name to the place in the header, `labels` the same for label, category and subcategory;
    `again` are (place, first place) of columns that come twice, `unknown` places that mean nothing to us,
    `missing` our names not there.
    """

    columns: dict[str, int]
    labels: dict[str, int]
    again: tuple[tuple[int, int], ...]
    unknown: tuple[int, ...]
    missing: tuple[str, ...]


def words_of(name: str) -> frozenset[str]:
    """Take a column name apart into the words it means."""
    written = re.sub(r"\.\d+$", "", name.strip().strip("\ufeff").lower())
    parts = [_WORDS.get(part, part) for part in re.split(r"[^a-z0-9]+", written) if part]
    return frozenset(" ".join(parts).split())


@cache
def _names_by_words() -> dict[frozenset[str], str]:
    """Our name of a column from the words of CICFlowMeter's title for it, or of its own."""
    theirs = {words_of(column.cic_name): column.name for column in _OURS}
    return theirs | {words_of(column.name): column.name for column in _OURS}


def match_header(header: Sequence[str]) -> Matching:
    """Match a header with our columns.

    Parameters
    ----------
    header : sequence of str
        As it stands in the file.
    """
    by_words = _names_by_words()
    columns: dict[str, int] = {}
    labels: dict[str, int] = {}
    again, unknown = [], []
    for place, title in enumerate(header):
        words = words_of(title)
        label = LABEL_NAMES.get(" ".join(re.split(r"[^a-z]+", title.strip().lower())))
        name = by_words.get(words)
        found = labels if label else columns
        if (key := label or name) is None:
            unknown.append(place)
        elif key in found:
            again.append((place, found[key]))
        else:
            found[key] = place
    missing = tuple(
        column.name for column in (*IDENTITY, *FEATURES) if column.cic_name and column.name not in columns
    )
    return Matching(columns, labels, tuple(again), tuple(unknown), missing)


def suggest(missing: str, header: Sequence[str], unknown: Sequence[int]) -> str:
    """Name the unknown column that a missing one may be a misspelling of, or nothing."""
    title = next(column.cic_name for column in _OURS if column.name == missing)
    spelled = {" ".join(sorted(words_of(header[place]))): header[place] for place in unknown}
    close = difflib.get_close_matches(" ".join(sorted(words_of(title))), list(spelled), n=1, cutoff=0.8)
    return spelled[close[0]] if close else ""


def suggest_label(header: Sequence[str], unknown: Sequence[int]) -> str:
    """Name the unknown column that labels may stand in under a misspelt title, or nothing."""
    spelled = {header[place].strip().lower(): header[place] for place in unknown}
    close = next(
        (
            found
            for name in LABEL_NAMES
            for found in difflib.get_close_matches(name, list(spelled), n=1, cutoff=0.8)
        ),
        "",
    )
    return spelled.get(close, "")
