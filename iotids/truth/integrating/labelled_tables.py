"""Labelled tables as they come into the dataset: batch by batch, and more than once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from iotids.writing.table_origin import Origin, merged_origin, origin_of, without_profile
from iotids.writing.tables import read_batches, schema_of_table

BATCH_ROWS = 131_072  # with all columns about 90 MB


@dataclass(frozen=True)
class LabelledTable:
    """One table of labelled flows.

    Attributes
    ----------
    where : name for messages
    schema : its columns
    batches : columns -> their rows in order, a batch at a time; may be called again
    """

    where: str
    schema: pa.Schema
    batches: Callable[[Sequence[str]], Iterator[pa.Table]]


def table_in_file(path: Path) -> LabelledTable:
    """A Parquet file; FileNotFoundError or ValueError where it is none."""
    return LabelledTable(str(path), schema_of_table(path), partial(read_batches, path, n_rows=BATCH_ROWS))


def origin_of_tables(tables: Sequence[LabelledTable]) -> tuple[Origin, list[str]]:
    """How the flows of all tables were made, and warnings about those that do not say.

    Raises
    ------
    ValueError
        Two tables were metered with different settings; both are named.
    """
    origins = {table.where: origin_of(table.schema) for table in tables}
    merged, silent = merged_origin(origins), without_profile(origins)
    if not silent or len(silent) == len(origins) == 1:
        return merged, []
    known = sorted({origin["profile"] for origin in origins.values() if "profile" in origin})
    others = f" like the other tables (profile {known[0]})" if known else " alike"
    return merged, [
        f"{', '.join(silent)}: not known which profile of CICFlowMeter made it; whether its features were computed{others} cannot be checked"
    ]


def table_in_memory(where: str, table: pa.Table) -> LabelledTable:
    """A table that is there already."""
    return LabelledTable(where, table.schema, lambda names: iter([table.select(list(names))]))
