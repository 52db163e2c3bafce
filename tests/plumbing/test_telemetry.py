"""No library reports to its maker: onnxruntime 1.32 does by default, and shows it by a file with a device number."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SWITCHES = ("ORT_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY", "DVC_NO_ANALYTICS")


def files_of_an_import(statement, folder):
    """What a fresh interpreter leaves among the temporary files."""
    environment = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    environment |= {"TMPDIR": str(folder), "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", statement], cwd=folder, env=environment, check=True)
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize("module", ["iotids.detecting.package.inference"])
def test_importing_the_detector_leaves_no_device_number(tmp_path, module):
    assert files_of_an_import(f"import {module}", tmp_path) == []


def test_switches_are_set_by_the_package_and_can_be_set_by_the_user():
    code = f"import os, iotids; print(*[os.environ[name] for name in {SWITCHES}])"
    kept = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**kept, "DVC_NO_ANALYTICS": "yes"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["1", "true", "yes"], done.stderr
