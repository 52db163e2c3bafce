"""A Dask cluster of real processes on this machine: one scheduler, two workers, gone when the test ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ["--host", "127.0.0.1", "--no-dashboard"]


@contextmanager
def dask_cluster(folder: Path, *, n_workers: int = 2, code: Path = ROOT) -> Iterator[str]:
    """Start the cluster and give the scheduler's address; `code` is the checkout its workers run."""
    with ExitStack() as stack:
        log = folder / "scheduler.log"
        stack.enter_context(
            _process(["-m", "distributed.cli.dask_scheduler", *HERE, "--port", "0"], log, code)
        )
        address = _wait_for(r"Scheduler at:\s+(tcp://127\.0\.0\.1:\d+)", log)
        for number in range(n_workers):
            log = folder / f"worker-{number}.log"
            command = ["-m", "distributed.cli.dask_worker", address, *HERE, "--nthreads", "1", "--no-nanny"]
            stack.enter_context(_process([*command, "--local-directory", str(folder)], log, code))
            _wait_for(r"(Registered to)", log)
        yield address


@contextmanager
def _process(arguments: list[str], log: Path, code: Path) -> Iterator[None]:
    """Run Python with these arguments; ended with the block."""
    environment = {**os.environ, "PYTHONPATH": str(code), "DASK_DISTRIBUTED__WORKER__DAEMON": "False"}
    environment.pop("DASK_SCHEDULER_ADDRESS", None)
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=log.parent,
            env=environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)


def _wait_for(pattern: str, log: Path, seconds: float = 120) -> str:
    """Wait until a line of the log fits, and give its first group."""
    end = time.monotonic() + seconds
    while not (found := re.search(pattern, log.read_text())):
        assert time.monotonic() < end, f"never said {pattern}:\n{log.read_text()}"
        time.sleep(0.2)
    return found[1]
