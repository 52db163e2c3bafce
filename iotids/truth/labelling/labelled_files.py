"""Write a source's labelled flows and those kept apart, a batch of its flow table at a time."""

from __future__ import annotations

from pathlib import Path

from iotids.flowmeter.columns.schema import TRUTH, arrow_schema
from iotids.truth.labelling.flow_rows import BATCH_ROWS
from iotids.truth.labelling.row_labels import RowLabels
from iotids.writing.tables import growing_table, read_batches, schema_of_table


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
