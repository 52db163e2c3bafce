"""Judge the header of a flow table from elsewhere: refuse what is none, name what is missing, unknown or
there twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from iotids.flowmeter.columns.schema import FEATURES, IDENTITY
from iotids.flowmeter.names import text_of_name
from iotids.truth.imports.column_names import Matching, suggest, suggest_label
from iotids.truth.labelling.notices import Notice


def check_header(
    path: Path, header: Sequence[str], matching: Matching, *, separator: str, fill_missing: bool
) -> list[Notice]:
    """Refuse what is no flow table; name what is missing and what is unknown.

    Parameters
    ----------
    separator : str
        What the header was cut at.
    fill_missing : bool
        Missing features are a warning instead of an error.

    Raises
    ------
    ValueError
        Features are missing; with a suggestion where an unknown column may be one of them misspelt.
    """
    needed = [column for column in FEATURES if column.name in matching.missing]
    if len(needed) > len(FEATURES) // 2 and not fill_missing:
        raise ValueError(
            f"{path}: no flow table: {len(FEATURES) - len(needed)} of {len(FEATURES)} features found in its first line, cut at "
            f"{separator!r}; came {', '.join(header[:6])[:200]} …"
        )
    if needed and not fill_missing:
        hints = {column.cic_name: suggest(column.name, header, matching.unknown) for column in needed}
        names = ", ".join(f"{name} (is it {hint!r}?)" if hint else name for name, hint in hints.items())
        raise ValueError(
            f"{path}: missing features: {names}. Correct the header, or take them as NaN with --fill-missing"
        )
    notices = []
    if needed:
        names = ", ".join(column.cic_name for column in needed)
        notices.append(
            Notice(
                "missing_features",
                "warning",
                len(needed),
                f"{text_of_name(path.name)}: taken as NaN: {names}",
            )
        )
    if absent := [column.cic_name for column in IDENTITY if column.name in matching.missing]:
        notices.append(
            Notice(
                "missing_identity",
                "info",
                len(absent),
                f"{text_of_name(path.name)}: left empty: {', '.join(absent)}",
            )
        )
    if matching.unknown:
        names = ", ".join(repr(header[place]) for place in matching.unknown)
        notices.append(
            Notice(
                "unknown_columns",
                "warning",
                len(matching.unknown),
                f"{text_of_name(path.name)}: kept apart: {names}",
            )
        )
    if not matching.labels and (hint := suggest_label(header, matching.unknown)):
        notices.append(
            Notice(
                "no_label",
                "warning",
                1,
                f"{text_of_name(path.name)}: no column of labels; is it {hint!r}? Correct the header to use it",
            )
        )
    return notices


def check_again(path: Path, header: Sequence[str], matching: Matching, texts: pa.Table) -> list[Notice]:
    """Compare columns that come twice with their first; `texts` (n, k) fields as text."""
    notices = []
    for place, first in matching.again:
        n_other = int(pc.sum(pc.not_equal(texts.column(place), texts.column(first))).as_py() or 0)
        message = f"{text_of_name(path.name)}: {header[place]!r} again as column {place + 1}; " + (
            f"differs in {n_other:,} rows, the first is taken" if n_other else "the same"
        )
        notices.append(Notice("column_again", "warning" if n_other else "info", 1, message))
    return notices
