"""What training used of the machine lies in its run folder and in its MLflow run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from iotids.tracking.usage import SAMPLES, Sampler, gpu_use, log_usage

ROOT = Path(__file__).resolve().parents[2]
STAGE = """
import pathlib, sys, time
from iotids.plumbing.errors import run_plainly
def main():
    held = bytearray(200_000_000)
    time.sleep(1.5)
    folder = pathlib.Path(sys.argv[2]); folder.mkdir()
    (folder / "folds.json").write_text("{}")
run_plainly(main)
"""


def run_stage(tmp_path, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DVC_")}
    subprocess.run(
        [sys.executable, "-c", STAGE, "--out", "run"],
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        check=True,
    )
    return tmp_path / "run" / "usage.json"


def test_a_training_stage_leaves_what_it_used(tmp_path):
    usage = json.loads(run_stage(tmp_path, DVC_STAGE="network@binary-dl4").read_text())
    assert {len(values) for values in usage["metrics"].values()} == {len(usage["at_ms"])}
    assert max(usage["metrics"]["system/process_memory_usage_megabytes"]) > 200
    assert all(0 <= share <= 100 for share in usage["metrics"]["system/cpu_utilization_percentage"])
    assert 1000 <= usage["at_ms"][-1] - usage["start_ms"] < 60_000


@pytest.mark.parametrize("environment", [{}, {"DVC_STAGE": "label@D1"}])
def test_other_programs_leave_nothing(tmp_path, environment):
    assert not run_stage(tmp_path, **environment).exists()


def test_a_long_run_keeps_few_samples_that_are_evenly_spaced():
    sampler, now_s = Sampler(), 0.0
    while now_s < 10_000:
        sampler.add(int(1000 * now_s), {"system/x": now_s})
        now_s += sampler.period_s
    assert SAMPLES / 2 <= len(sampler.rows) <= SAMPLES
    steps = [later - earlier for earlier, later in zip(sampler.at_ms, sampler.at_ms[1:], strict=False)]
    assert max(steps) <= 2 * min(steps)
    assert sampler.at_ms[0] == 0 and sampler.at_ms[-1] > 9_500_000


def test_every_gpu_is_named_by_its_number(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '40, 1000'\necho '0, 2'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert gpu_use() == {
        "system/gpu_0_utilization_percentage": 40.0,
        "system/gpu_0_memory_usage_megabytes": 1048.6,
        "system/gpu_1_utilization_percentage": 0.0,
        "system/gpu_1_memory_usage_megabytes": 2.1,
    }
    program.write_text("#!/bin/sh\necho '[N/A], 2'\n")
    assert gpu_use() == {}


def test_values_that_were_not_to_be_had_are_left_out_of_the_run():
    sent = []

    class Client:
        def log_batch(self, run_id, metrics):
            sent.extend((m.key, m.value, m.timestamp, m.step) for m in metrics)

    log_usage(Client(), "r", {"at_ms": [5, 9], "metrics": {"system/x": [None, 2.0]}})
    assert sent == [("system/x", 2.0, 9, 1)]
