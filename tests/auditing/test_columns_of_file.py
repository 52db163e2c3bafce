"""Columns of a table's file have names of their own, and each gives its own values."""

import pytest

from iotids.auditing.columns_of_file import different, open_columns


@pytest.mark.parametrize(
    ("names", "own"),
    [
        (["x", "y"], ["x", "y"]),
        (["x", "x", "x"], ["x", "x.1", "x.2"]),
        (["x", "x", "x.1"], ["x", "x.2", "x.1"]),  # the name that was there stays
        (["x.1", "x", "x", "x.1"], ["x.1", "x", "x.2", "x.1.1"]),
    ],
)
def test_repeated_names_get_one_that_no_other_column_has(names, own):
    assert different(names) == own


def test_each_of_several_columns_of_one_name_gives_its_own_values(tmp_path):
    (tmp_path / "t.csv").write_text("x,x , x.1\n1,2,3\n4,5,6\n")
    names, column = open_columns(tmp_path / "t.csv")
    assert {name: column(name).to_pylist() for name in names} == {"x": [1, 4], "x.2": [2, 5], "x.1": [3, 6]}
