"""A stage of an experiment that fails or is killed leaves a run that says so; one that ends well leaves none."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iotids.tracking.store import open_store

ROOT = Path(__file__).resolve().parents[2]
STAGE = """
import sys, time
from iotids.plumbing.errors import run_plainly
def main():
    print("started", flush=True)
    match sys.argv[1]:
        case "well": return
        case "badly": raise ValueError("network.width is 0: a layer needs a neuron")
        case "fault": raise RuntimeError("a fault of the program")
        case "long": time.sleep(60)
run_plainly(main)
"""


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "params.yaml").write_text(
        "network: {width: 0, seed: 7}\ndata: {name: sample, sources: {D1: {}}}\n"
    )
    return tmp_path


def start(workspace, how, **environment):
    """Run a stage as DVC does in an experiment."""
    named = {"DVC_ROOT": str(workspace), "DVC_EXP_NAME": "wide", "DVC_STAGE": "network@binary-dl4"}
    clean = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    return subprocess.Popen(
        [sys.executable, "-c", STAGE, how],
        cwd=workspace,
        env={**clean, **named, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def attempts(workspace, wait_s=60):
    """The runs that the watcher writes after the stage ended, read under the lock that every writer takes."""
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        with open_store() as (client, experiment_id):
            if found := [run for run in client.search_runs([experiment_id]) if run.info.status != "RUNNING"]:
                return list(found)
        time.sleep(0.5)
    return []


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [("badly", "FAILED", "network.width is 0"), ("fault", "FAILED", "RuntimeError: a fault of the program")],
)
def test_a_stage_that_fails_leaves_a_failed_run_with_the_message(workspace, how, status, said):
    start(workspace, how).communicate(timeout=60)
    (run,) = attempts(workspace)
    assert run.info.status == status
    assert (run.data.tags["level"], run.data.tags["dvc.exp"]) == ("attempt", "wide")
    assert said in run.data.tags["ended"] and said in run.data.tags["mlflow.note.content"]
    assert run.data.params == {"network.width": "0", "network.seed": "7", "data.name": "sample"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_stage_that_is_killed_leaves_a_killed_run_even_when_its_folder_is_gone(
    workspace, tmp_path_factory, number
):
    copy = tmp_path_factory.mktemp("copy")
    shutil.copy(workspace / "params.yaml", copy)
    process = start(copy, "long", DVC_ROOT=str(workspace))
    assert process.stdout.readline() == "started\n"
    process.send_signal(number)
    process.communicate(timeout=60)
    shutil.rmtree(copy)
    (run,) = attempts(workspace)
    assert run.info.status == "KILLED"
    assert run.data.tags["dvc.stage"] == "network@binary-dl4"


@pytest.mark.parametrize(("how", "environment"), [("well", {}), ("badly", {"DVC_EXP_NAME": ""})])
def test_a_stage_that_ends_well_or_is_no_experiment_leaves_nothing(workspace, how, environment):
    start(workspace, how, **environment).communicate(timeout=60)
    assert attempts(workspace, wait_s=4) == []
