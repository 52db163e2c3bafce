"""Run folders in today's words: those of older versions say `protocol` for split; every run knows its stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def todays_document(document: Mapping[str, Any], *, stage: str) -> dict[str, Any]:
    """folds.json with `splits` and `stage`; `stage` is what the run's folder is called after (network,
    baseline).
    """
    plain = {**document, "stage": stage}
    return {"splits" if key == "protocols" else key: value for key, value in plain.items()}


def todays_table(table: pa.Table) -> pa.Table:
    """predictions.parquet or history.parquet with a column `split`."""
    return table.rename_columns(["split" if name == "protocol" else name for name in table.column_names])


def first_and_repeats(predictions: pa.Table) -> tuple[pa.Table, pa.Table | None]:
    """Predictions of the fits that count, and those of further fits of the same folds with a column `repeat`
    (None without): other orders of the training rows.
    """
    predictions = todays_table(predictions)
    if "order" not in predictions.column_names:
        return predictions, None
    first = pc.equal(predictions["order"], 0)
    rest = predictions.filter(pc.invert(first))
    renamed = rest.rename_columns(["repeat" if name == "order" else name for name in rest.column_names])
    return predictions.filter(first), renamed if rest.num_rows else None
