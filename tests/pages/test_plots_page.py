"""DVC's plots page draws its plots with no network at all."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from iotids.plumbing import plots_page
from iotids.reporting.figures.confusion import confusion_csv
from tests.pages.browser import browser_page, needs_chromium, pictures
from tests.project_copy import run

PLOTS = {
    "plots": [
        {
            "curves": {
                "x": "epoch",
                "y": {"curves.json": "val_loss"},
                "template": "linear",
                "title": "validation loss",
            }
        },
        {
            "confusion": {
                "x": "predicted",
                "y": {"confusion.json": "actual"},
                "template": "confusion_normalized",
                "title": "confusion",
            }
        },
    ]
}


def dvc(*arguments):
    subprocess.run([sys.executable, "-m", "dvc", *arguments], check=True)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A small DVC repository with a curve and a confusion matrix, and the page template in its local
    configuration.
    """
    pytest.importorskip("vl_convert")
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    dvc("init", "-q")
    Path("curves.json").write_text(json.dumps([{"epoch": e, "val_loss": 1 / e} for e in range(1, 11)]))
    Path("confusion.json").write_text(
        json.dumps([{"actual": a, "predicted": p} for a, p in ("AA", "AB", "BB", "BB")])
    )
    Path("dvc.yaml").write_text(json.dumps(PLOTS))
    plots_page.main(tmp_path / "template.html")
    return tmp_path


@needs_chromium
def test_plots_are_drawn_without_asking_any_other_machine(repository):
    dvc("plots", "show", "-q")
    with browser_page() as page:
        page.open((repository / "dvc_plots" / "index.html").as_uri())
        page.wait_for("document.querySelectorAll('main canvas, main svg.marks').length >= 2")
        page.screenshot(repository / "page.png", whole_page=True)
        assert [
            address for address in page.requests if not address.startswith(("file:", "data:", "blob:"))
        ] == []
        assert page.complaints == []


def test_no_script_in_the_template_ends_its_element_early(repository):
    text = (repository / "template.html").read_text(encoding="utf-8")
    assert text.count("</script") == 1
    assert "cdn" not in text.split("<body>")[1]


def test_dvc_is_told_of_the_template_for_this_machine_only(repository):
    assert "template.html" in (repository / ".dvc" / "config.local").read_text()
    assert "html_template" not in (repository / ".dvc" / "config").read_text()


def test_a_confusion_plot_is_square_and_names_its_model_also_when_a_class_is_never_predicted(repository):
    import numpy as np
    import vl_convert

    root = Path(__file__).resolve().parents[2]
    shutil.copytree(root / ".dvc/plots", ".dvc/plots")
    classes = ("BENIGN", "MITM", "DOS")
    confusion = np.array([[90, 0, 10], [5, 0, 5], [1, 0, 9]])  # MITM is never predicted
    Path("square.csv").write_text(confusion_csv(confusion, classes, "DL4"))
    plot = {"template": "confusion_square", "x": "predicted", "y": {"square.csv": "actual"}}
    Path("dvc.yaml").write_text(json.dumps({"plots": [{"how it errs": plot}]}))
    command = [sys.executable, "-m", "dvc", "plots", "show", "--show-vega", "how it errs"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    drawn = vl_convert.vegalite_to_svg(json.loads(said), vl_version=plots_page.VEGA_LITE)
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    assert [texts.count(name) for name in classes] == [2, 2, 2]  # on both axes
    assert {"DL4 · workspace", "how it errs", "900", "100", "500", "0"} <= set(texts)
    cells = re.findall(r'aria-roledescription="rect mark"[^>]*d="M0?[^"]*?h([\d.]+)v([\d.]+)', drawn)
    assert len(cells) == 9 and {width == height for width, height in cells} == {True}


@pytest.mark.slow
@pytest.mark.long
@needs_chromium
def test_all_plots_of_two_experiments_are_drawn_side_by_side(finished):
    run(finished, "python", "-m", "iotids.plumbing.plots_page", ".dvc/tmp/plots_page.html")
    preset = (
        "smoke"
        if yaml.safe_load((finished / "params.yaml").read_text())["network"]["models"]
        == ["dl_sensible", "dl4", "dl7"]
        else "paper"
    )
    for name, depth in (("depth-4", 4), ("depth-7", 7)):
        figures = [
            word
            for task in ("binary", "multiclass")
            for word in ("-S", f"report.figure_networks.{task}=dl{depth}")
        ]
        run(
            finished,
            "dvc",
            "exp",
            "run",
            "--temp",
            "--force",
            "--single-item",
            "-n",
            name,
            "-S",
            f"preset={preset}",
            *figures,
            "report",
        )
    run(finished, "dvc", "plots", "diff", "depth-4", "depth-7")
    run(
        finished, "dvc", "exp", "remove", "depth-4", "depth-7"
    )  # the names of experiments in docs/experiments.md, tested in the same folder
    wanted = len(yaml.safe_load((finished / "dvc.yaml").read_text())["plots"])
    with browser_page(1640, 1100) as page:
        page.open((finished / "dvc_plots" / "index.html").as_uri())
        page.wait_for(f"document.querySelectorAll('main canvas, main svg.marks').length >= {wanted}")
        page.wait_for_text("Plots")
        page.screenshot(pictures() / "dvc-plots.png", whole_page=True)
        assert [
            address for address in page.requests if not address.startswith(("file:", "data:", "blob:"))
        ] == []
        assert page.complaints == []
