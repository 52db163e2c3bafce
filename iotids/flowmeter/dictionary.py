"""The feature dictionary, written from the schema: python -m iotids.flowmeter.dictionary > docs/features.md"""

from __future__ import annotations

from iotids.flowmeter.columns.context import CONTEXT
from iotids.flowmeter.columns.schema import (
    BULK_NAMES,
    CORRECTED_EXTRAS,
    FEATURES,
    IDENTITY,
    SEQUENCE,
    TRUTH,
    Column,
)
from iotids.flowmeter.profiles import PROFILES
from iotids.writing.markdown import markdown_table

SECTIONS: tuple[tuple[str, str, tuple[Column, ...]], ...] = (
    ("Identity", "Who, when and where; never seen by a model.", IDENTITY),
    (
        "Features",
        f"The {len(FEATURES)} features of CICFlowMeter. The models see all but the {len(BULK_NAMES)} marked *.",
        FEATURES,
    ),
    (
        "Features of the corrected tool",
        f"{len(CORRECTED_EXTRAS)} more, written by `corrected` and `clean` only; the models do not see them.",
        CORRECTED_EXTRAS,
    ),
    (
        "Packet sequence",
        "Written where it is wanted: `iotids meter --columns sequence`, or `meter.columns` in conf.",
        SEQUENCE,
    ),
    (
        "Context",
        "What the end points of a flow did before it ended; written where it is wanted: `--columns context`.",
        CONTEXT,
    ),
    ("Truth", "Added by the labelling stage.", TRUTH),
)


def table_of(columns: tuple[Column, ...]) -> str:
    """A Markdown table of columns."""
    rows = [
        [
            f"`{column.name}`{' *' if column.name in BULK_NAMES else ''}",
            column.cic_name or "none",
            column.dtype,
            column.unit,
            column.meaning,
            column.caveat,
        ]
        for column in columns
    ]
    header = ["column", "in CICFlowMeter's CSV", "type", "unit", "meaning", "caveats and profiles"]
    return markdown_table(header, rows, kinds="t")


def feature_dictionary() -> str:
    """The whole page."""
    lines = [
        "# Feature dictionary",
        "",
        "Written by `python -m iotids.flowmeter.dictionary` from `iotids/flowmeter/columns/schema.py`; a test compares them.",
        "Forward is the direction of the flow's initiator. Times are microseconds, sizes are bytes above TCP or UDP.",
        "A caveat that names a profile holds for that profile only:",
        "",
        *[f"* `{profile.name}`: {profile.meaning}" for profile in PROFILES.values()],
    ]
    for title, words, columns in SECTIONS:
        lines += ["", f"## {title}", "", words, "", table_of(columns).rstrip("\n")]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(feature_dictionary(), end="")
