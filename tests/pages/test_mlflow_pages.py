"""What a person sees of a finished sweep in MLflow: a run table with scores and a comparison with curves, in
a real browser.
"""

import subprocess
import sys

import pytest

from tests.pages.browser import browser_page, needs_chromium
from tests.pages.mlflow_pages import ROOT, mlflow_ui, open_comparison, open_run_table, scroll_to_curves
from tests.plumbing.run_folders import write_run_folder

PICTURES = ROOT / "out" / "pictures"  # those in docs/ show a sweep, see tests/test_sweeps.py
NAMES = {f"DL{depth} · multiclass · grouped" for depth in (4, 5, 6, 7)}


@pytest.fixture(scope="module")
def served_sweep(tmp_path_factory):
    """Four depths under two splits, published the way a user back-fills, and MLflow's UI on them."""
    root = tmp_path_factory.mktemp("sweep")
    for depth in (4, 5, 6, 7):
        write_run_folder(root, depth=depth, splits=("stratified", "grouped"), task="multiclass")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        subprocess.run([sys.executable, "-m", "iotids", "publish", str(root / "out")], cwd=ROOT, check=True)
    with mlflow_ui(f"sqlite:///{root / 'mlflow.db'}", root / "ui.log") as base:
        yield base


def best_first(address):
    """Names of the rows that the first view must show, by macro F as the store has it."""
    from mlflow import MlflowClient

    search = "tags.level = 'cv' AND tags.split = 'grouped' AND tags.task = 'multiclass'"
    found = MlflowClient(tracking_uri=address).search_runs(["1"], search)
    found = sorted(found, key=lambda run: -run.data.metrics["test/f1_macro"])
    return [run.info.run_name for run in found]


@pytest.mark.slow
@needs_chromium
def test_the_run_table_opens_with_scores_and_knobs_of_every_configuration(served_sweep):
    with browser_page(1500, 760) as page:
        open_run_table(page, served_sweep, NAMES)
        page.screenshot(PICTURES / "mlflow-table.png")
        text, wanted = page.text(), best_first(served_sweep)
        assert sorted(wanted, key=text.index) == wanted and set(wanted) == NAMES
        assert [
            address
            for address in page.requests
            if not address.startswith((served_sweep, "data:", "blob:", "about:"))
        ] == []


@pytest.mark.slow
@needs_chromium
def test_the_comparison_opens_with_parallel_coordinates_bars_and_curves(served_sweep):
    with browser_page(1500, 1000) as page:
        open_comparison(page, served_sweep, NAMES)
        page.screenshot(PICTURES / "mlflow-charts.png")
        scroll_to_curves(page)
        page.screenshot(PICTURES / "mlflow-curves.png")
