"""What training uses of the machine: CPU, memory and, where there is one, GPU, sampled by a thread while a stage runs.

DVC's stages that write run folders leave `usage.json` there: {"start_ms": …, "at_ms": [...], "metrics": {name: [...]}}, with MLflow's
names, so that its page shows them as system metrics.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from iotids.tracking.batches import MAX_VALUES_PER_CALL

FILE, MEASURED_STAGES = "usage.json", ("network@", "baseline@")
SAMPLES, FIRST_PERIOD_S = 60, 1.0
MEGABYTE = 1_000_000
GPU_QUERY = ("nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits")


@contextmanager
def recorded() -> Iterator[None]:
    """Sample while the block runs and write the file next to the results; elsewhere than in a measured stage, nothing."""
    stage, folder = os.environ.get("DVC_STAGE", ""), _out_folder(sys.argv)
    if folder is None or not stage.startswith(MEASURED_STAGES):
        yield
        return
    sampler, ended = Sampler(), Event()
    thread = Thread(target=sampler.run, args=(ended,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=10)
        if sampler.at_ms and (folder / "folds.json").is_file():
            (folder / FILE).write_text(json.dumps(sampler.content()), encoding="utf-8")


def _out_folder(words: list[str]) -> Path | None:
    """The value of --out on a command line."""
    return Path(words[words.index("--out") + 1]) if "--out" in words[:-1] else None


class Sampler:
    """At most SAMPLES points, evenly spaced: where they become more, every second one is dropped and time between two
    doubles.
    """

    def __init__(self) -> None:
        self.start_ms = int(time.time() * 1000)
        self.at_ms: list[int] = []
        self.rows: list[dict[str, float]] = []
        self.period_s = FIRST_PERIOD_S

    def run(self, ended: Event) -> None:
        """Sample until the event; without psutil, not at all."""
        with suppress(ImportError):
            import psutil

            psutil.cpu_percent()  # the first call of each has nothing to compare with
            while not ended.wait(self.period_s):
                self.add(int(time.time() * 1000), machine_use(psutil) | gpu_use())
            self.add(int(time.time() * 1000), machine_use(psutil) | gpu_use())

    def add(self, at_ms: int, row: dict[str, float]) -> None:
        """Keep a sample."""
        self.at_ms.append(at_ms)
        self.rows.append(row)
        if len(self.rows) > SAMPLES:
            self.at_ms, self.rows, self.period_s = self.at_ms[::2], self.rows[::2], 2 * self.period_s

    def content(self) -> dict[str, Any]:
        """What the file holds; a series is as long as the list of times, null where a value was not to be had."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        series = {name: [row.get(name) for row in self.rows] for name in names}
        return {"start_ms": self.start_ms, "at_ms": self.at_ms, "metrics": series}


def machine_use(psutil: Any) -> dict[str, float]:
    """Percent of all CPUs, memory of the machine, and memory of this process with its children, in megabytes."""
    memory, own = psutil.virtual_memory(), psutil.Process()
    resident = own.memory_info().rss
    for child in own.children(recursive=True):
        with suppress(psutil.Error):
            resident += child.memory_info().rss
    return {
        "system/cpu_utilization_percentage": psutil.cpu_percent(),
        "system/system_memory_usage_megabytes": round(memory.used / MEGABYTE, 1),
        "system/system_memory_usage_percentage": memory.percent,
        "system/process_memory_usage_megabytes": round(resident / MEGABYTE, 1),
    }


def gpu_use() -> dict[str, float]:
    """Utilisation and memory of every NVIDIA GPU; empty without one."""
    if shutil.which(GPU_QUERY[0]) is None:
        return {}
    try:
        done = subprocess.run(GPU_QUERY, capture_output=True, text=True, timeout=5, check=True)
        lines = [[float(word) for word in line.split(",")] for line in done.stdout.splitlines()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}
    return {
        name: value
        for i, (percent, used_mib) in enumerate(lines)
        for name, value in (
            (f"system/gpu_{i}_utilization_percentage", percent),
            (f"system/gpu_{i}_memory_usage_megabytes", round(used_mib * 1.048576, 1)),
        )
    }


def read_usage(folder: Path) -> Mapping[str, Any] | None:
    """What a run folder says; None for one that was not measured."""
    file = folder / FILE
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def log_usage(client: Any, run_id: str, usage: Mapping[str, Any]) -> None:
    """Send the series of a run folder to a run, each value with the time at which it was measured."""
    from mlflow.entities import Metric

    points = [
        Metric(name, value, at_ms, step)
        for name, values in usage["metrics"].items()
        for step, (at_ms, value) in enumerate(zip(usage["at_ms"], values, strict=True))
        if value is not None
    ]
    for start in range(0, len(points), MAX_VALUES_PER_CALL):
        client.log_batch(run_id, points[start : start + MAX_VALUES_PER_CALL])
