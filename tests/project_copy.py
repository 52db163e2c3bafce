"""A copy of the project in a folder of its own, as a fresh clone would be, and one with a finished pipeline;
for tests that run DVC.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def environment(folder: Path) -> dict[str, str]:
    """What a person's shell has in such a copy: the tools of this environment, nothing that leads to another
    store or cluster.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DVC_", "MLFLOW_", "DASK_", "GIT_"))
    }
    tools = {
        "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
        "VENV": str(Path(sys.executable).parents[1]),
    }
    return {
        **kept,
        **tools,
        "DVC_NO_ANALYTICS": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PWD": str(folder),
    }


def run(
    folder: Path, *command: str, timeout_s: float = 600, check: bool = True
) -> subprocess.CompletedProcess:
    """Run a command in the copy and give what it said.

    Output goes through a file: queue workers would hold a pipe open as long as they live.
    """
    log = folder.parent / f"{folder.name}.log"
    with log.open("w+", encoding="utf-8") as file:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment(folder),
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
        )
        file.seek(0)
        said = file.read()
    assert not check or done.returncode == 0, (
        f"{' '.join(command)} ended with {done.returncode}:\n{said[-4000:]}"
    )
    return subprocess.CompletedProcess(command, done.returncode, said, "")


def copy_project(folder: Path) -> Path:
    """Copy what git tracks here, uncommitted changes included, into a repository of its own."""
    names = run_git("ls-files", "-z").split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    run(folder, "git", "init", "-q", "-b", "main")
    for setting, value in (
        ("user.name", "tests"),
        ("user.email", "tests@localhost"),
        ("commit.gpgsign", "false"),
    ):
        run(folder, "git", "config", setting, value)
    run(folder, "git", "add", "-A", "--force")
    run(folder, "git", "commit", "-q", "-m", "copy")
    return folder


def finished_project(folder: Path) -> Path:
    """A copy with the sample pulled and the whole DAG done under the smoke preset; DVC's cache is this
    project's, so that nothing is done twice.
    """
    copy_project(folder)
    run(folder, "dvc", "config", "--local", "cache.dir", str(ROOT / ".dvc" / "cache"))
    run(folder, "dvc", "pull", "--quiet", "data.dvc")
    run(folder, sys.executable, "-m", "iotids", "params", "preset=smoke")
    run(folder, "dvc", "repro", "--quiet", timeout_s=3600)
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-q", "--allow-empty", "-m", "smoke results")
    run(folder, sys.executable, "-m", "iotids", "publish", "out")
    return folder


def wait_for_queue(folder: Path, *, timeout_s: float = 1800) -> dict[str, str]:
    """Wait until no experiment is queued or running, and give every one's status by name."""
    end = time.monotonic() + timeout_s
    while True:
        states = queue_states(folder)
        if states and not {"Queued", "Running"} & set(states.values()):
            return states
        assert time.monotonic() < end, f"the queue is not done after {timeout_s} s: {states}"
        time.sleep(2)


def queue_states(folder: Path) -> dict[str, str]:
    """Read `dvc queue status`: experiment name to status."""
    lines = [line.split() for line in run(folder, "dvc", "queue", "status").stdout.splitlines()]
    return {
        words[1]: words[-1]
        for words in lines
        if len(words) >= 4 and words[-1] in ("Queued", "Running", "Success", "Failed")
    }


def run_git(*arguments: str) -> str:
    """Ask git about this checkout."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    print(finished_project(Path(sys.argv[1]).absolute()))
