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


def test_missing_columns_are_named_in_one_short_line(tmp_path):
    write_table(pa.table({f"has{i}": [1] for i in range(200)}), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="no column") as raised:
        read_table(tmp_path / "t.parquet", [f"want{i:02}" for i in range(99)])
    assert str(raised.value).endswith(
        "no column want00, want01, want02, want03, want04, want05, want06, want07 and 91 more; "
        "it has has0, has1, has2, has3, has4, has5, has6, has7 and 192 more"
    )
