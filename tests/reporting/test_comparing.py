"""Runs next to each other: read from folders and from MLflow, with paired differences where the folds are the same."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel

from iotids.commands.compare_sources import read_run
from iotids.learning.scores.runs.run_files import run_from_plain
from iotids.learning.scores.runs.tables import folds_csv
from iotids.reporting.comparing.compared_run import ComparedRun
from iotids.reporting.comparing.differences import corrected_interval, differences
from iotids.reporting.comparing.document import csv_document, html_document, markdown_document
from tests.plumbing.run_folders import write_run_folder

ROOT = Path(__file__).parents[2]
KEY = ("binary", "dl4", "grouped")


def made(name: str, values: list[float], *, data: str = "d", key: tuple[str, str, str] = KEY) -> ComparedRun:
    folds = {key: {str(i): {"accuracy": value} for i, value in enumerate(values)}}
    return ComparedRun(name, data, [], [], folds)


def test_a_difference_is_later_minus_first_with_the_corrected_interval() -> None:
    (one,) = differences([made("a", [0.5, 0.6, 0.7]), made("b", [0.6, 0.8, 0.7])], ["accuracy"])
    assert one.difference == pytest.approx(0.1) and (one.first, one.value) == pytest.approx((0.6, 0.7))
    # t(0.975; 2) = 4.302653, sd = 0.1, sqrt(1/3 + 1/2) = 0.912871
    assert (one.low95, one.high95) == pytest.approx((0.1 - 0.392777, 0.1 + 0.392777), abs=1e-5)
    assert not one.differs


def test_the_interval_is_wider_than_that_of_a_plain_paired_t_test() -> None:
    second, first = np.array([0.61, 0.64, 0.6, 0.63, 0.66]), np.full(5, 0.6)
    low, high = corrected_interval(second - first)
    plain = ttest_rel(second, first).confidence_interval()
    assert low < plain.low and high > plain.high


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (made("b", [0.6, 0.8, 0.7], data="e"), "other data or other folds"),
        (made("b", [0.6, 0.8]), "other folds"),
    ],
)
def test_runs_of_other_flows_have_a_difference_and_no_interval(other: ComparedRun, reason: str) -> None:
    (one,) = differences([made("a", [0.5, 0.6, 0.7]), other], ["accuracy"])
    assert one.unpaired == reason and np.isnan(one.low95) and not one.differs
    text = markdown_document([made("a", [0.5, 0.6, 0.7]), other], ["dl4"], ["accuracy"])
    assert reason in text


def test_sites_left_out_have_no_interval() -> None:
    key = ("binary", "dl4", "environment")
    (one,) = differences([made("a", [0.5, 0.6], key=key), made("b", [0.6, 0.8], key=key)], ["accuracy"])
    assert one.unpaired == "folds are sites"


def test_the_same_differences_stand_in_every_form() -> None:
    runs = [made("a", [0.5, 0.6, 0.7]), made("b", [0.6, 0.7, 0.81])]
    (row,) = csv.DictReader(io.StringIO(csv_document(runs, ["dl4"], ["accuracy"])))
    assert (row["run"], float(row["difference"])) == ("b", pytest.approx(0.10333, abs=1e-4))
    assert "+0.1033" in markdown_document(runs, ["dl4"], ["accuracy"])
    page = html_document(runs, ["dl4"], ["accuracy"])
    assert "<strong>+0.1033</strong>" in page and page.startswith("<!")  # the interval leaves out zero


def write_folder(root: Path, *, depth: int) -> Path:
    """A folder with out/ as the stages leave it, as far as it is compared."""
    score = write_run_folder(root, depth=depth, splits=("stratified", "grouped"), n_epochs=1)
    (file,) = (score / "runs").glob("*.json")
    plain = json.loads(file.read_text())
    (score / "folds.csv").write_text(folds_csv({("binary", f"dl{depth}"): run_from_plain(plain)}))
    for name, header in (
        ("dataset/table2", "source,class,flows,paper_flows"),
        ("report/table3", "task,model,split,score,paper,value,std"),
    ):
        place = root / "out" / f"{name}.csv"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{header}\n")
    return score


def test_a_run_read_from_mlflow_has_the_folds_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from iotids.tracking.publishing import publish_scores

    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    publish_scores(write_folder(tmp_path, depth=4))
    here, there = read_run("here", str(tmp_path)), read_run("there", "mlflow:workspace")
    assert here.data == there.data
    assert (
        here.folds.keys()
        == there.folds.keys()
        == {("binary", "dl4", "stratified"), ("binary", "dl4", "grouped")}
    )
    for key, folds in here.folds.items():
        assert len(folds) == 5
        assert sorted(folds) == sorted(there.folds[key])
        for name, scores in folds.items():
            assert there.folds[key][name]["f1_macro"] == pytest.approx(scores["f1_macro"], rel=1e-5)
    for one in differences([here, there], ["accuracy", "f1_macro"]):
        assert one.difference == pytest.approx(0, abs=1e-5) and one.unpaired == ""
    for name in ("nosuch", "it's", 'a"b', "50%", "back\\slash", "' OR 1=1", ""):
        with pytest.raises(FileNotFoundError, match="has no runs of that experiment"):
            read_run("x", f"mlflow:{name}")


@pytest.mark.parametrize(("out", "begins"), [("c.md", "accuracy"), ("c.csv", "task,model"), ("c.html", "<!")])
def test_the_command_writes_the_form_that_the_ending_names(tmp_path: Path, out: str, begins: str) -> None:
    write_folder(tmp_path / "a", depth=4)
    write_folder(tmp_path / "b", depth=4)
    words = [f"a={tmp_path / 'a'}", f"b={tmp_path / 'b'}", "--scores", "accuracy", "-o", str(tmp_path / out)]
    subprocess.run([sys.executable, "-m", "iotids", "compare", *words], cwd=ROOT, check=True)
    assert (tmp_path / out).read_text().startswith(begins)


def test_an_ending_that_is_no_form_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, depth=4)
    words = [f"a={tmp_path}", "-o", str(tmp_path / "c.pdf")]
    done = subprocess.run(
        [sys.executable, "-m", "iotids", "compare", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "the ending is none of .md, .csv, .html" in done.stderr


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("report/table3.csv", "task,model,score\n", "table3.csv has no column split, paper, value, std"),
        ("dataset/table2.csv", "", "table2.csv has no column source, class, flows"),
        (
            "score/folds.csv",
            "task,model,split,fold,accuracy\nbinary,dl4,grouped,0,much\n",
            "could not convert",
        ),
        ("score/made_from.json", '{"params": {', "JSONDecodeError"),
        ("score/made_from.json", '{"params": {}}', "KeyError: 'dataset'"),
        ("score/made_from.json", "[]", "cannot be read"),
    ],
)
def test_a_run_of_an_older_format_or_a_damaged_one_is_named_with_what_to_do(tmp_path, file, content, said):
    write_folder(tmp_path, depth=4)
    (tmp_path / "out" / file).write_text(content)
    with pytest.raises(ValueError, match="run 'old': ") as refused:
        read_run("old", str(tmp_path))
    assert said in str(refused.value) and "dvc repro report" in str(refused.value)


def test_a_run_that_lacks_a_file_is_named_with_the_file(tmp_path):
    write_folder(tmp_path, depth=4)
    (tmp_path / "out/score/folds.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"out/score/folds\.csv is not in .*, where `make` writes it"):
        read_run("old", str(tmp_path))
