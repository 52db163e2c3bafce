"""`dvc exp apply` warns of outputs that the experiment never made, and of nothing else."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.plumbing.made_sweep import make_project
from tests.plumbing.test_experiments_in_mlflow import environment, run

pytestmark = [pytest.mark.slow, pytest.mark.long]


def warned_of(folder, name):
    """Outputs that `dvc exp apply` has no file hash of, below the project."""
    words = ("dvc", "exp", "apply", name)
    done = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    found = re.findall(r"No file hash info found for '([^']+)'", done.stdout + done.stderr)
    return {str(Path(path).relative_to(folder)) for path in found}


def test_an_experiment_that_ended_early_lacks_the_outputs_of_later_stages_and_only_these(tmp_path):
    folder = make_project(tmp_path / "project")
    run(folder, "dvc", "exp", "run", "--temp", "-n", "part", "-S", "network.width=128", "report")
    assert warned_of(folder, "part") == {"out/final/binary-dl4"}
    assert "final" not in yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
    assert (folder / "out/report/table3.csv").is_file()
    run(folder, "git", "checkout", "-q", ".")
    run(folder, "dvc", "exp", "run", "--temp", "-n", "whole", "-S", "network.width=32")
    assert warned_of(folder, "whole") == set()
