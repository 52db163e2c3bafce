"""A small DVC project with the stages `integrate`, `network`, `score`, `report` and `final` of the real one, which write
made results: python -m tests.plumbing.made_sweep STAGE. A sweep of it takes seconds.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from iotids.learning.scores.runs.run_files import run_from_plain
from iotids.learning.scores.runs.run_scores import RunScores
from iotids.learning.scores.runs.tables import folds_csv
from iotids.reporting.sections.table3 import table3_csv
from iotids.writing.tables import write_json, write_text
from tests.plumbing.run_folders import MADE_FROM, write_run_folder
from tests.reporting.made_results import PAPER

PARAMS = {
    "network": {"models": ["dl4"], "width": 64},
    "meter": {"profile": "paper"},
    "report": {"figure": "dl4"},
    "final": {"seed": 7},
}
PYTHON = f"{sys.executable} -m tests.plumbing.made_sweep"
DAG = {
    "stages": {
        "integrate": {
            "cmd": f"{PYTHON} integrate",
            "params": ["meter"],
            "outs": ["out/dataset"],
        },
        "network": {
            "matrix": {"model": "${network.models}"},
            "cmd": f"{PYTHON} network ${{item.model}}",
            "params": ["network.width"],
            "outs": ["out/network/binary-${item.model}"],
        },
        "score": {
            "cmd": f"{PYTHON} score",
            "params": ["meter"],
            "deps": ["out/network", "out/dataset"],
            "outs": ["out/score"],
        },
        "report": {
            "cmd": f"{PYTHON} report",
            "params": ["report"],
            "deps": ["out/score"],
            "outs": ["out/report"],
        },
        "final": {
            "cmd": f"{PYTHON} final",
            "params": ["final"],
            "deps": ["out/score"],
            "outs": ["out/final/binary-dl4"],
        },
    }
}


def make_project(folder: Path) -> Path:
    """A git and DVC repository with conf/, as `dvc exp run -S` wants it."""
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "config.yaml").write_text(yaml.safe_dump(PARAMS))
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    (folder / "dvc.yaml").write_text(yaml.safe_dump(DAG))
    (folder / ".gitignore").write_text("out\nmlflow.db*\nmlartifacts\n")
    for command in (
        "git init -q -b main",
        "git config user.name tests",
        "git config user.email tests@localhost",
        "dvc init -q",
        "dvc config core.analytics false",
        "dvc config core.autostage true",
        "dvc config hydra.enabled true",
        "git add -A",
        "git commit -q -m project",
    ):
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder


def dataset_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """What made_from.json says of the flows; another profile of the meter gives other flows."""
    sha256 = hashlib.sha256(params["meter"]["profile"].encode()).hexdigest()
    return {**MADE_FROM["dataset"], "sha256": sha256}


def quality_of(params: Mapping[str, Any]) -> float:
    """The share of flows that a network judges right: wider ones judge better."""
    return 0.8 + params["network"]["width"] / 1000


def integrate() -> None:
    """Table II: one source, with as many flows as the profile's name has letters."""
    profile = yaml.safe_load(Path("params.yaml").read_text())["meter"]["profile"]
    lines = ["source,class,flows,paper_flows", f"generated,BENIGN,{len(profile)},9"]
    write_text("\n".join(lines) + "\n", Path("out/dataset/table2.csv"))


def network(model: str) -> None:
    """A run folder; its scores lie in a file of it until the stage `score` puts them where they belong."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    made = Path("out/tmp")
    score = write_run_folder(
        made,
        depth=int(model[2:]),
        width=params["network"]["width"],
        quality=quality_of(params),
        n_epochs=3,
    )
    folder = Path(f"out/network/binary-{model}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    (made / "out/network" / folder.name).rename(folder)
    (score / "runs" / f"{folder.name}.json").rename(folder / "scored.json")


def score() -> None:
    """The scores of every run folder, and MLflow, as the real stage does."""
    from iotids.tracking.publishing import publish

    params = yaml.safe_load(Path("params.yaml").read_text())
    out = Path("out/score")
    for file in Path("out/network").glob("*/scored.json"):
        write_json(json.loads(file.read_text()), out / "runs" / f"{file.parent.name}.json")
    write_text(folds_csv(scored_runs()), out / "folds.csv")
    made_from = {
        "params": {**MADE_FROM["params"], "meter": params["meter"]},
        "dataset": dataset_of(params),
    }
    write_json(made_from, out / "made_from.json")
    publish(out)


def scored_runs() -> dict[tuple[str, str], RunScores]:
    """What `score` wrote."""
    plain = [json.loads(file.read_text()) for file in sorted(Path("out/score/runs").glob("*.json"))]
    return {(one["task"], one["model"]): run_from_plain(one) for one in plain}


def report() -> None:
    """Table III."""
    write_text(table3_csv(scored_runs(), PAPER), Path("out/report/table3.csv"))


def final() -> None:
    """A package, as far as the registry looks at it, and its registration."""
    from iotids.tracking.registry import register

    folder = Path("out/final/binary-dl4")
    manifest = {
        "name": "binary-dl4",
        "task": "binary",
        "classes": ["BENIGN", "ATTACK"],
        "features": ["f0"],
        "manifest_sha256": f"{Path('params.yaml').stat().st_mtime_ns:064d}",
        "operating_point": {"measured": {"false_alarm_share": 0.01, "recall": 0.9}},
        "versions": {"python": "3.11"},
        "doubts": ["made of nothing"],
    }
    write_json(manifest, folder / "package.json")
    register(folder, manifest, alias="current")


if __name__ == "__main__":
    {"integrate": integrate, "network": network, "score": score, "report": report, "final": final}[
        sys.argv[1]
    ](*sys.argv[2:])
