"""Tables of several runs side by side: every figure stands in its own run's column."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from iotids.reporting.sections.side_by_side import table2_side_by_side, table3_side_by_side

ROOT = Path(__file__).parents[2]


def flows(source: str, label: str, ours: int, paper: str) -> dict[str, str]:
    return {"source": source, "class": label, "flows": str(ours), "paper_flows": paper}


def score(model: str, split: str, name: str, mean: float, *, paper: str = "") -> dict[str, str]:
    return {
        "task": "binary",
        "model": model,
        "split": split,
        "score": name,
        "paper": paper,
        "value": str(mean),
        "std": "0.01",
        "figure": "mean over 5 folds",
    }


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_flows_stand_in_the_column_of_their_run_and_are_summed() -> None:
    runs = {
        "first": [flows("D1", "DOS", 7, "3273"), flows("D1", "MITM", 0, "0")],
        "second": [flows("D1", "DOS", 9, "3273"), flows("D9", "DOS", 4, "")],
    }
    lines = [cells(line) for line in table2_side_by_side(runs).splitlines()]
    assert lines[0] == ["Source", "Class", "paper", "first", "second"]
    assert lines[2:] == [
        ["D1", "DOS", "3,273", "7", "9"],
        ["D9", "DOS", "–", "–", "4"],
        ["all", "", "", "7", "13"],
    ]


def test_scores_stand_in_the_column_of_their_run_in_the_order_asked_for() -> None:
    first = [
        score("dl4", "stratified", "accuracy", 0.5),
        score("dl4", "stratified", "f1_weighted", 0.25, paper="0.9350"),
    ]
    first.append(score("majority", "grouped", "accuracy", 0.1))
    second = [
        score("naive_bayes", "grouped", "accuracy", 0.75),
        score("naive_bayes", "grouped", "f1_weighted", 0.7),
    ]
    table = table3_side_by_side(
        {"a": first, "b": second}, models=("naive_bayes", "dl4"), scores=("accuracy", "f1_weighted")
    )
    lines = [cells(line) for line in table.splitlines()]
    assert lines[2] == ["Binary", "NB", "grouped", "", "– / –", "0.7500 ± 0.0100 / 0.7000 ± 0.0100"]
    assert lines[3] == [
        "Binary",
        "DL4",
        "stratified",
        "– / 0.9350",
        "0.5000 ± 0.0100 / 0.2500 ± 0.0100",
        "– / –",
    ]
    assert len(lines) == 4  # the majority class was not asked for


def test_tables_of_older_runs_are_read_but_for_their_fold_means_at_unseen_sites() -> None:
    """Their column `mean` is another figure there than the pooled one, and must not stand under its name."""
    older = [
        {
            "task": "binary",
            "model": "dl4",
            "split": split,
            "score": "accuracy",
            "paper": "",
            "mean": "0.5",
            "std": "0.1",
        }
        for split in ("grouped", "environment")
    ]
    newer = [score("dl4", "environment", "accuracy", 0.25) | {"std": ""}]
    lines = table3_side_by_side(
        {"old": older, "new": newer}, models=("dl4",), scores=("accuracy",)
    ).splitlines()
    assert [cells(line)[2:] for line in lines[2:]] == [
        ["grouped", "", "0.5000 ± 0.1000", "–"],
        ["unseen site", "", "–", "0.2500"],
    ]


def test_a_run_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "iotids", "compare", "x=workspace"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 1
    assert "out/dataset/table2.csv is not in the workspace; run `make` first" in done.stderr
