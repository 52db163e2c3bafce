"""The tracking server of docs/scaling-out.md, on a free port of this machine, gone when the test ends."""

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
from pathlib import Path
from urllib.request import urlopen

from tests.doc_commands import blocks


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def tracking_server(folder: Path) -> Iterator[str]:
    """Run the documented `mlflow server` command in a folder and give its address."""
    port = free_port()
    (block,) = [block for block in blocks() if block.when == "server"]
    command = (
        re.search(r"^mlflow (server .*) &$", block.text, re.MULTILINE)[1].replace("5055", str(port)).split()
    )
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *command, "--workers", "1"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}/health", process, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:  # a client's open connection keeps the server waiting
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=30)


def _wait_until_it_answers(address: str, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + 180
    while True:
        assert process.poll() is None and time.monotonic() < end, log.read_text()[-3000:]
        try:
            with urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
