"""docs/results.md is what the report writes: its parts, and its figures where a run of the same settings is there."""

import re
from pathlib import Path

import pytest

from iotids.reporting.docs_copy import BEGIN, END, copy_results, page_for_docs, with_results
from iotids.reporting.fixed import fixed_texts
from iotids.reporting.results_page import results_page
from tests.reporting.made_results import made_content, made_result

ROOT = Path(__file__).parents[2]
COMMITTED = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
WRITTEN = ROOT / "out" / "report" / "results.md"
MACHINE_SPREAD = 0.03  # rows of networks differ by up to 0.017 between two kinds of machine
NUMBER = re.compile(r"-?\d+\.\d{3,}")


def headings(page):
    return re.findall(r"^#+ .*", page, re.MULTILINE)


def settings(page):
    """The lines that say what was run."""
    return re.findall(r"^(?:[\d,]+ flows, \d+ folds|Networks: ).*", page, re.MULTILINE)


@pytest.fixture(scope="module")
def page():
    models = ("dl6", "dl7", "naive_bayes", "hist_gradient_boosting")
    splits = ("stratified", "grouped", "environment")
    runs = {(t, m): made_result(m, task=t, splits=splits) for t in ("binary", "multiclass") for m in models}
    return page_for_docs(
        results_page(made_content(runs, wanted={"binary": "dl7", "multiclass": "dl6"}), fixed_texts("| |\n"))
    )


def test_the_committed_page_has_the_parts_of_a_written_one(page):
    assert headings(COMMITTED) == headings(page)
    assert re.findall(r"\]\((images/.*?)\)", COMMITTED) == re.findall(r"\]\((images/.*?)\)", page)


def test_every_picture_of_the_page_is_there():
    for link in re.findall(r"\]\((images/.*?)\)", COMMITTED):
        assert (ROOT / "docs" / link).read_bytes().startswith(b"\x89PNG"), link


def test_the_committed_figures_are_those_of_this_run():
    written = page_for_docs(WRITTEN.read_text(encoding="utf-8")) if WRITTEN.is_file() else ""
    if settings(written) != settings(COMMITTED):
        pytest.skip("out/report holds no run of these settings")
    ours, theirs = (
        [line for line in page.splitlines() if line.startswith("|")] for page in (written, COMMITTED)
    )
    assert len(ours) == len(theirs)
    mine, committed = (sorted_rows(lines) for lines in (ours, theirs))
    assert mine.keys() == committed.keys()
    for name, row in mine.items():
        assert row == pytest.approx(committed[name], abs=MACHINE_SPREAD), name


def sorted_rows(lines):
    """Figures with three digits and more, by the row's first cell and its place among those of that name."""
    rows = {}
    for line in lines:
        name = line.split("|")[1].strip()
        rows[name, sum(1 for other, _ in rows if other == name)] = [float(n) for n in NUMBER.findall(line)]
    return rows


def test_the_copy_links_its_pictures_below_docs(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report/results.md").write_text("![Figure 1](figure1_binary.png)\n")
    (tmp_path / "report/figure1_binary.png").write_bytes(b"\x89PNG")
    assert copy_results(tmp_path / "report", tmp_path / "docs") == ["figure1_binary.png"]
    assert (tmp_path / "docs/results.md").read_text() == "![Figure 1](images/results/figure1_binary.png)\n"
    assert (tmp_path / "docs/images/results/figure1_binary.png").is_file()


def test_a_missing_report_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"results.md: not there; `make`"):
        copy_results(tmp_path / "report", tmp_path / "docs")


def test_the_readme_shows_the_table_of_the_results_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.partition(BEGIN)[2].partition(END)[0]
    table = COMMITTED.partition("## At a glance\n\n")[2].partition("\n\n## ")[0]
    assert shown.startswith("| task | split |") and table.startswith(shown)
    assert len([line for line in shown.splitlines() if line.startswith("|")]) == 2 + 8
    assert len(readme.splitlines()) <= 130


def test_only_what_stands_between_the_marks_is_written():
    readme = f"before\n{BEGIN}old\n{END}after\n"
    assert with_results(readme, "new\n") == f"before\n{BEGIN}new\n{END}after\n"
    with pytest.raises(ValueError, match=r"README\.md: the lines .* are missing"):
        with_results("no marks\n", "new\n")
