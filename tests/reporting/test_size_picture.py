"""The picture of scores over the number of flows: its lines are the runs' tables, and what cannot be drawn is said."""

import subprocess
import sys

import pytest

from iotids.reporting.comparing.compared_run import ComparedRun
from iotids.reporting.comparing.size_picture import PAPER_FLOWS, size_figure


def run(flows, value, *, split="stratified", models=("hoeffding_tree",)):
    """A run with so many flows of two classes, and one accuracy for its models."""
    table2 = [{"source": "D1", "class": name, "flows": str(flows // 2)} for name in ("BENIGN", "DOS")]
    paper = {"hoeffding_tree": "0.993"}
    table3 = [
        {
            "task": "binary",
            "model": m,
            "split": split,
            "score": "accuracy",
            "paper": paper.get(m, ""),
            "value": str(value),
            "std": "0.01",
        }
        for m in models
    ]
    return ComparedRun(f"{flows}", "d", table2, table3, {})


def lines_of(figure):
    """(x, y) of every line with points, by panel."""
    return [
        [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines if len(line.get_xdata())]
        for axes in figure.axes
    ]


def test_a_line_per_model_over_the_flows_of_each_run_and_the_papers_figure_at_its_size():
    runs = [run(1000, 0.8), run(5000, 0.85, models=("hoeffding_tree", "dl4")), run(20_000, 0.9)]
    (panel,) = lines_of(size_figure(runs, ["hoeffding_tree", "dl4"], ["accuracy"]))
    assert ([1000, 5000, 20_000], [0.8, 0.85, 0.9]) in panel
    assert ([PAPER_FLOWS], [0.993]) in panel
    assert ([5000], [0.85]) in panel


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([run(1000, 0.8), run(1000, 0.9)], "wants two or more runs of different size; these have 1000, 1000"),
        ([run(1000, 0.8), ComparedRun("store", "d", [], [], {})], "run 'store' has no Table II"),
        ([run(1000, 0.8), run(2000, 0.9, split="grouped")], "have no split in common"),
    ],
)
def test_runs_that_cannot_be_drawn_over_their_size_are_refused_by_name(runs, said):
    with pytest.raises(ValueError, match=said):
        size_figure(runs, ["hoeffding_tree"], ["accuracy"])


def test_the_command_says_which_endings_it_writes(tmp_path):
    command = [sys.executable, "-m", "iotids", "compare", "a=b", "-o", str(tmp_path / "sizes.gif")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode != 0 and ".md, .csv, .html, .png" in ran.stderr
