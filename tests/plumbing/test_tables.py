"""Files get their name only when they are whole."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest

from iotids.writing.tables import read_table, replacing, write_json, write_table


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_the_same_table_gives_the_same_bytes(tmp_path):
    table = pa.table({"x": np.arange(1000), "name": ["a", "b"] * 500})
    write_table(table, tmp_path / "1.parquet")
    write_table(table, tmp_path / "2.parquet")
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    assert read_table(tmp_path / "1.parquet").equals(table)


def test_json_is_strict(tmp_path):
    write_json({"nan": math.nan, "inf": [np.float64(math.inf)], "n": np.int64(3)}, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == {"nan": None, "inf": [None], "n": 3}


def test_a_missing_table_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="dvc repro"):
        read_table(tmp_path / "flows.parquet")
