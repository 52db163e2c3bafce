"""Truth columns of a table that comes batch by batch, and the two tables that its rows go to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.flowmeter.columns.schema import TRUTH, TRUTH_NAMES, arrow_schema
from iotids.truth.labelling.flow_labels import Part, truth_columns
from iotids.truth.labelling.flow_rows import BATCH_ROWS, Run
from iotids.writing.tables import growing_table, read_batches, schema_of_table


class _Stretch(NamedTuple):
    """Rows begin to end - 1 of the table, whose codes begin at `first` in part number `part`."""

    begin: int
    end: int
    part: int
    first: int


class RowLabels:
    """What every row of a source's table is.

    Parameters
    ----------
    runs : of each part, the rows that its codes belong to, in their order
    parts : verdicts of one capture each
    """

    def __init__(self, runs: Sequence[Sequence[Run]], parts: Sequence[Part]) -> None:
        self.parts = parts
        stretches = []
        for number, mine in enumerate(runs):
            first = 0
            for begin, end in mine:
                stretches.append(_Stretch(begin, end, number, first))
                first += end - begin
        self._stretches = sorted(stretches)
        self._ends = np.array([one.end for one in self._stretches], np.int64)

    def divide(self, flows: pa.Table, begin: int = 0) -> tuple[pa.Table, pa.Table]:
        """Put the truth columns beside rows of the table, of which the first is row `begin`.

        Returns
        -------
        labelled, apart : tables
            `apart` has the flows without a class, with the reason as `label_rule`.
        """
        truth = self._truth(begin, begin + flows.num_rows)
        for name in TRUTH_NAMES:
            flows = flows.append_column(truth.schema.field(name), truth.column(name))
        has_class = pc.not_equal(flows.column("label"), "")
        return flows.filter(has_class), flows.filter(pc.invert(has_class))

    def _truth(self, begin: int, end: int) -> pa.Table:
        """Truth columns of rows begin to end - 1."""
        tables = [arrow_schema(TRUTH).empty_table()]
        for stretch in self._stretches[int(np.searchsorted(self._ends, begin, side="right")) :]:
            if stretch.begin >= end:
                break
            low, high = max(begin, stretch.begin), min(end, stretch.end)
            network, labels = self.parts[stretch.part]
            shift = stretch.first - stretch.begin
            tables.append(
                truth_columns(network, replace(labels, codes=labels.codes[low + shift : high + shift]))
            )
        return pa.concat_tables(tables).combine_chunks()


def write_labelled(flows: Path, labels: RowLabels, labelled: Path, apart: Path) -> None:
    """Write two tables, both with the truth columns; the order of rows is that of `flows`."""
    schema, begin = schema_of_table(flows), 0
    for field in arrow_schema(TRUTH):
        schema = schema.append(field)
    with growing_table(labelled, schema) as with_class, growing_table(apart, schema) as without:
        for batch in read_batches(flows, schema.names[: -len(TRUTH)], n_rows=BATCH_ROWS):
            for writer, rows in zip((with_class, without), labels.divide(batch, begin), strict=True):
                writer.write(rows)
            begin += batch.num_rows
