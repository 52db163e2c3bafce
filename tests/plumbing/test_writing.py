"""Tables as Markdown, CSV and HTML: what a cell holds never becomes something else."""

import csv
import io

import pyarrow as pa
import pytest

from iotids.writing import html
from iotids.writing.markdown import csv_table, markdown_table, plain_cell, plain_column


def test_a_bar_or_a_line_break_does_not_end_a_cell():
    assert markdown_table(["a"], [["x|y\nz"]], kinds="t") == "| a |\n|---|\n| x\\|y z |\n"


def test_columns_of_numbers_are_aligned_to_the_right():
    assert markdown_table(["a", "b", "c"], [], kinds="tn").splitlines()[1] == "|---|---:|---:|"


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+cmd|x", "-2+3+cmd|x", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_run_is_quoted(text):
    assert plain_cell(text) == f"'{text}"
    assert next(csv.reader(io.StringIO(csv_table([], [[text]]).split("\n", 1)[1])))[0] == f"'{text}"
    assert plain_column(pa.chunked_array([[text]])).to_pylist() == [f"'{text}"]


@pytest.mark.parametrize("cell", ["-0.5", "+1e3", "-", "a.pcap", "", -3, 0.25, None])
def test_numbers_and_plain_text_stay(cell):
    assert plain_cell(cell) == cell


def test_html_from_outside_is_escaped_and_our_own_is_not():
    written = html.table(["<a>", "b"], [["<b>", html.Html("<i>x</i>")], [1234, 5]], "tn")
    assert "&lt;a&gt;" in written
    assert "&lt;b&gt;" in written
    assert "<i>x</i>" in written
    assert "1,234" in written


def test_a_page_escapes_its_title():
    assert "<title>&lt;x&gt;</title>" in html.page("<x>", "")
