"""What a run was made from: parameters, commit, experiment, data, and the command that repeats it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from iotids.tracking.store import ask_git, experiment_name

MAX_PARAM_LENGTH = 500  # holds for old servers too
LISTED_ELSEWHERE = ("data.sources", "data.root")  # long, or different on every machine


def run_params(scored: Mapping[str, Any], split: str, made_from: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of one model under one split, named as in conf/: `network.depth`, `meter.profile`, …

    Parameters
    ----------
    scored : content of out/score/runs/<task>-<model>.json
    made_from : content of out/score/made_from.json
    """
    own = {f"{scored['stage']}.{key}": value for key, value in flatten(scored["params"])}
    named = {"task": scored["task"], "model": scored["model"], "split": split}
    return shown_params([*named.items(), *flatten(made_from["params"]), *own.items()])


def shown_params(params: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Parameters as MLflow takes them: text of at most 500 characters; without those that are listed elsewhere."""
    return {
        key: str(value)[:MAX_PARAM_LENGTH] for key, value in params if not key.startswith(LISTED_ELSEWHERE)
    }


def flatten(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every leaf; lists are leaves."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def run_tags(scored: Mapping[str, Any], split: str) -> dict[str, str]:
    """Where a run comes from and what its figures are; without what is not known."""
    part, commit = scored["splits"][split], ask_git("rev-parse", "HEAD")
    never = ", ".join(
        f"{one['class']} in {one['folds']} of {one['tested']} folds" for one in part["unpredicted"]
    )
    tags = {
        "task": scored["task"],
        "model": scored["model"],
        "split": split,
        "figure": part["figure"],
        "never predicted": never or "none",
        "dvc.stage": f"{scored['stage']}@{scored['folder'].split('/')[-1]}",
        "dvc.exp": experiment_name(),
        "dvc.baseline": os.environ.get("DVC_EXP_BASELINE_REV", "")[:10],
        "git.uncommitted": "yes" if ask_git("status", "--porcelain", "--untracked-files=no") else "no",
        "mlflow.source.git.commit": commit,
        "mlflow.source.name": f"out/{scored['folder']}",
        "mlflow.user": "dvc",
        "mlflow.note.content": _description(scored, split, never, commit),
    }
    return {key: value for key, value in tags.items() if value}


def _description(scored: Mapping[str, Any], split: str, never: str, commit: str) -> str:
    """What a reader of the run's page must know, and the command that repeats it."""
    name, part = experiment_name(), scored["splits"][split]
    repeat = (
        f"dvc exp apply {name} && dvc repro"
        if name != "workspace"
        else f"git checkout {commit[:10]} && dvc repro"
    )
    return (
        f"{scored['title']}, {scored['task']}, {part['title']} split; figures: {part['figure']}.\n\n"
        + (f"Never predicted: {never}.\n\n" if never else "")
        + f"Repeat: `{repeat}`"
    )


def dataset_input(made_from: Mapping[str, Any]) -> Any:
    """MLflow's record of the flows that a run was trained and tested on."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = made_from["dataset"]
    columns = [{"name": name, "type": "double"} for name in data["features"]]
    dataset = Dataset(
        name=data["name"],
        digest=data["sha256"][:16],
        source_type="local",
        source=json.dumps({"uri": "out/dataset/flows.parquet", "sha256": data["sha256"]}),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps({"flows": data["flows"], **data["flows_per_class"]}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "cross-validation")])
