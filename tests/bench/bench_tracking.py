"""How long it takes to publish a run to MLflow, and how fast the commands start that people type all day:
python -m tests.bench.bench_tracking

Each line is a process of its own, best of three; a run is 5 folds x 50 epochs with all scores, published to
an SQLite store.
Wall-clock seconds mean something on an idle machine only; CPU seconds (user + system of the process) stand
beside them.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.plumbing.run_folders import write_run_folder

ROOT = Path(__file__).resolve().parents[2]
REPEATS, SWEEP = 3, 20
LIMITS_S = {
    "publish, store there": 5.0,
    "publish, each further run": 2.0,
    "run table of 96 runs": 5.0,
    "import": 1.5,
    "dvc status": 10.0,
    "make, nothing to do": 10.0,
}


def measure(
    command: list[str],
    environment: dict[str, str],
    prepare: Callable[[], None] = lambda: None,
    repeats: int = REPEATS,
) -> tuple[float, float]:
    """Best wall-clock and CPU seconds of a command."""
    found = []
    for _ in range(repeats):
        prepare()
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found.append((time.perf_counter() - start, cpu))
    return min(found)


def publishing(folder: Path, environment: dict[str, str]) -> dict[str, tuple[float, float]]:
    """Publish to a store that must be made first, and to one that is there."""
    command = [sys.executable, "-m", "iotids", "publish", str(folder / "out")]
    widths = iter(range(1000))
    fresh = lambda: (folder / "mlflow.db").unlink(missing_ok=True)  # noqa: E731
    times = {
        "publish, store must be made": measure(
            command, environment, lambda: (fresh(), write_run_folder(folder))[0]
        )
    }
    times["publish, store there"] = measure(
        command, environment, lambda: write_run_folder(folder, width=next(widths)) and None
    )
    for width in range(1000, 1000 + SWEEP):
        (folder / f"{width}").mkdir()
        write_run_folder(folder / f"{width}", width=width)
    wall_s, cpu_s = measure([*command[:-1], str(folder)], environment, fresh, repeats=1)
    one_wall_s, one_cpu_s = times["publish, store must be made"]
    each = (wall_s - one_wall_s) / SWEEP, (cpu_s - one_cpu_s) / SWEEP
    return times | {"publish, each further run": each}


def run_table(folder: Path) -> dict[str, tuple[float, float]]:
    """From the address to the best model's row in a browser, in a store of 96 runs; nothing without a browser."""
    from tests.pages.browser import CHROMIUM, browser_page
    from tests.pages.mlflow_pages import mlflow_ui, page_address

    if CHROMIUM is None:
        return {}
    splits = ("stratified", "grouped", "environment")
    for depth in range(4, 20):
        for task in ("binary", "multiclass"):
            write_run_folder(folder, depth=depth, splits=splits, task=task, n_folds=2, n_epochs=1)
    environment = {**os.environ, "DVC_ROOT": str(folder)}
    command = [sys.executable, "-m", "iotids", "publish", str(folder / "out")]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    found = []
    with mlflow_ui(f"sqlite:///{folder / 'mlflow.db'}", folder / "ui.log") as base, browser_page() as page:
        for _ in range(REPEATS):
            page.open("about:blank")
            start = time.perf_counter()
            page.open(page_address(base).replace("&compareRunsMode=CHART", ""))
            page.wait_for_text("DL19 · multiclass · grouped", seconds=120)
            found.append((time.perf_counter() - start, float("nan")))
    return {"run table of 96 runs": min(found)}


def commands(environment: dict[str, str]) -> dict[str, tuple[float, float]]:
    """Start-up of stages and of DVC in this checkout; nothing is run or changed."""
    times = {
        f"import stages.{name}": measure([sys.executable, "-c", f"import stages.{name}"], environment)
        for name in light_stages()
    }
    times["dvc status"] = (
        measure(["dvc", "status", "--quiet"], environment)
        if _up_to_date(environment)
        else (float("nan"), float("nan"))
    )
    if _up_to_date(environment):
        times["make, nothing to do"] = measure(["make"], environment)
    return times


def light_stages() -> list[str]:
    """Stages of dvc.yaml but the two that train networks."""
    import yaml

    return [
        name
        for name in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
        if name not in ("network", "final")
    ]


def _up_to_date(environment: dict[str, str]) -> bool:
    """Whether `dvc status` finds nothing to do."""
    return (
        subprocess.run(["dvc", "status", "--quiet"], cwd=ROOT, env=environment, check=False).returncode == 0
    )


def main() -> None:
    """Print one table."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with tempfile.TemporaryDirectory() as temporary:
        times = publishing(Path(temporary), {**environment, "DVC_ROOT": temporary}) | commands(environment)
        times |= run_table(Path(temporary) / "many")
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    )
    print(f"{'what':<40}{'wall s':>9}{'CPU s':>9}{'limit s':>9}")
    for what, (wall_s, cpu_s) in times.items():
        print(
            f"{what:<40}{wall_s:>9.2f}{cpu_s:>9.2f}{LIMITS_S.get(what, LIMITS_S.get(what.split()[0], float('nan'))):>9.1f}"
        )


if __name__ == "__main__":
    main()
