"""detect needs the base installation only: no TensorFlow, DVC, MLflow, River, pandas, SciPy, joblib or
scikit-learn.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.detecting.lab import benign_records, flood_records
from tests.packets import write_pcap

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = (
    *("tensorflow", "keras", "ai_edge_litert", "dvc", "hydra", "mlflow", "filelock", "river", "pandas"),
    *("scipy", "joblib", "sklearn", "skl2onnx", "onnx", "matplotlib", "requests", "pooch", "sqlalchemy"),
)
BLOCKED = f"""
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from iotids.commands.detect import main
code = main()
sys.exit(code)
"""
OBSERVED = f"""
import sys
from iotids.commands.detect import main
code = main()
print(sorted({{name.split(".")[0] for name in sys.modules if sys.modules[name]}} & set({EXTRAS!r}) - {{"scipy"}}))  # numba asks for its version
sys.exit(code)
"""


def run(code, *arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path):
    write_pcap(tmp_path / "attack.pcap", flood_records(flows=60, seed=1))
    write_pcap(tmp_path / "benign.pcap", benign_records(flows=80, seed=2))
    return tmp_path


@pytest.mark.parametrize("out", ["v.parquet", "v.csv", "v.jsonl"])
def test_captures_are_judged_without_the_extras(trained, folder, out):
    done = run(
        BLOCKED,
        "attack.pcap",
        "benign.pcap",
        "-o",
        out,
        "--report",
        "p.html",
        "--model",
        trained.folder,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / f"{out}.summary.json").read_text())["verdicts"]["attack"] >= 60


def test_a_site_is_calibrated_without_the_extras(trained, folder):
    words = ["--calibrate", "--max-alarms-per-day", "5", "benign.pcap", "-o", "site.json"]
    done = run(BLOCKED, *words, "--model", trained.folder, cwd=folder)
    assert done.returncode in (0, 3), done.stderr
    assert (folder / "site.json").is_file()


def test_what_is_installed_beyond_the_base_is_not_even_imported(trained, folder):
    done = run(OBSERVED, "attack.pcap", "-o", "v.parquet", "--model", trained.folder, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_a_registry_without_mlflow_is_answered_with_what_to_install(folder):
    (folder / "mlflow.db").touch()
    done = run(BLOCKED, "attack.pcap", "-o", "v.csv", "--model", "current", cwd=folder)
    assert done.returncode == 2
    assert "pip install 'iotids[experiment]'" in done.stderr
    assert "Traceback" not in done.stderr
