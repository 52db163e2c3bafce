"""MLflow's UI on a store, as `make ui` starts it, and what must be visible on its two main pages."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.pages.browser import Page

ROOT = Path(__file__).resolve().parents[2]
VIEW = "/#/experiments/1/runs?workflowType=machine_learning&viewStateShareKey=compare&compareRunsMode=CHART"


def page_address(base: str) -> str:
    """Give the address that `make ui` prints, for the server at `base`."""
    return base + VIEW


@contextmanager
def mlflow_ui(store_uri: str, log: Path) -> Iterator[str]:
    """Serve a store by `make ui` on a free port of this machine; the server and its workers end with the
    block.
    """
    port = _free_port()
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": store_uri,
        "VENV": str(Path(sys.executable).parents[1]),
    }
    with log.open("w") as file:
        process = subprocess.Popen(
            ["make", "-o", f"{environment['VENV']}/ready", "ui", f"UI_PORT={port}"],  # installs nothing
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=ROOT,
            env=environment,
        )
    try:
        base = f"http://127.0.0.1:{port}"
        _wait_until_healthy(base, process, log)
        assert page_address(base) in log.read_text(), "`make ui` prints another address"
        yield base
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=20)


def open_run_table(page: Page, base: str, names: set[str], *, only_these: bool = True) -> None:
    """Open the run table: every name is a row (and no other is), scores and knobs have columns, folds are
    folded away.
    """
    page.open(page_address(base).replace("&compareRunsMode=CHART", ""))
    page.wait_for_text(*names, seconds=120)
    close_assistant(page)
    page.wait_for_text("test/f1_macro", "Metrics", "Tags")
    assert " fold 0" not in page.text()
    assert not only_these or f"{len(names)} matching runs" in page.text()


def open_comparison(page: Page, base: str, names: set[str]) -> None:
    """Open the charts: parallel coordinates, bars of the scores, curves over epochs, all drawn and with the
    runs' names.
    """
    page.open("about:blank")
    page.open(page_address(base))
    page.wait_for_text("scores", "curves", *names, seconds=120)
    page.wait_for_text("Parallel Coordinates")
    _check_titles_of_axes(page)  # as the page opens, with the chat panel
    close_assistant(page)
    _check_titles_of_axes(page)
    page.wait_for("document.querySelectorAll('.js-plotly-plot .bars path').length > 0")
    assert re.search(r"0\.\d\d", page.text()), "no bar has its value written on it"


def _check_titles_of_axes(page: Page) -> None:
    """The axes of the parallel coordinates have titles that do not cover each other."""
    page.wait_for("document.querySelectorAll('.parcoords .dimension').length >= 2")
    titles = page.evaluate(
        "[...document.querySelectorAll('.parcoords .label')].map(e => e.getBoundingClientRect())"
        ".map(box => [box.left, box.right])"
    )
    assert len(titles) >= 2
    assert all(first[1] <= second[0] for first, second in pairwise(sorted(titles))), "titles of axes overlap"


def close_assistant(page: Page) -> None:
    """Close the chat panel that MLflow opens at the first visit; it covers a quarter of the page."""
    page.wait_for(
        "document.querySelector('button[data-component-id=\"mlflow.assistant.chat_panel.close\"]')",
        seconds=5,
        needed=False,
    )
    page.evaluate(
        "document.querySelector('button[data-component-id=\"mlflow.assistant.chat_panel.close\"]')?.click()"
    )


def scroll_to_curves(page: Page) -> None:
    """Bring the section `curves` into view; its charts are drawn only then."""
    page.evaluate(
        "[...document.querySelectorAll('*')].filter(e => e.innerText?.trim().startsWith('curves')).at(-1).scrollIntoView()"
    )
    page.wait_for_text("val/loss", "val/accuracy", "train/loss", "train/accuracy")
    page.wait_for("document.querySelectorAll('.js-plotly-plot .scatterlayer .trace').length > 0")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _wait_until_healthy(base: str, process: subprocess.Popen, log: Path, seconds: float = 180) -> None:
    """Wait for the server's first answer."""
    end = time.monotonic() + seconds
    while True:
        assert process.poll() is None and time.monotonic() < end, (
            f"mlflow ui did not start:\n{log.read_text()[-3000:]}"
        )
        try:
            with urlopen(f"{base}/health", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.3)
