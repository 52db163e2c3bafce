"""The feature dictionary in docs/ is the one that the schema gives."""

from __future__ import annotations

from pathlib import Path

from iotids.flowmeter.columns.context import CONTEXT
from iotids.flowmeter.columns.schema import CORRECTED_EXTRAS, FEATURES, IDENTITY, SEQUENCE, TRUTH
from iotids.flowmeter.dictionary import feature_dictionary

PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def test_page_equals_the_schema() -> None:
    assert PAGE.read_text(encoding="utf-8") == feature_dictionary(), (
        "run: python -m iotids.flowmeter.dictionary > docs/features.md"
    )


def test_every_column_has_its_row() -> None:
    rows = [line for line in feature_dictionary().splitlines() if line.startswith("| `")]
    assert len(rows) == len(IDENTITY + FEATURES + CORRECTED_EXTRAS + SEQUENCE + CONTEXT + TRUTH)
    assert all(row.count(" | ") == 5 for row in rows)
