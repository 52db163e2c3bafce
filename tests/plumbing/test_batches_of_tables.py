"""Tables are read batch by batch: memory holds a batch, however long the table is."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from iotids.flowmeter.output import flow_files
from iotids.writing.tables import read_batches

GROUPS, ROWS, COLUMNS = 40, 2_000, 10


@pytest.fixture
def long_table(tmp_path: Path) -> Path:
    """40 row groups of 160 kB that do not compress."""
    numbers = np.random.default_rng(0)
    with pq.ParquetWriter(
        tmp_path / "long.parquet", pa.schema([(f"c{i}", pa.float64()) for i in range(COLUMNS)])
    ) as out:
        for _ in range(GROUPS):
            out.write_table(pa.table({f"c{i}": numbers.random(ROWS) for i in range(COLUMNS)}))
    return tmp_path / "long.parquet"


@pytest.mark.parametrize("read", ["for a stage", "back into another format"])
def test_reading_holds_a_batch_and_not_the_file(
    long_table: Path, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_files, "ROW_GROUP_ROWS", ROWS)
    names = [f"c{i}" for i in range(COLUMNS)]
    in_stage = read == "for a stage"
    batches = read_batches(long_table, names, n_rows=ROWS) if in_stage else flow_files.read_back(long_table)
    before, held, rows = pa.total_allocated_bytes(), [], 0
    for batch in batches:
        rows += batch.num_rows
        held.append(pa.total_allocated_bytes() - before)
    assert rows == GROUPS * ROWS
    assert max(held) < GROUPS * ROWS * COLUMNS * 8 / 4
