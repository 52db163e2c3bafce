"""What a run was made from: parameters, commit, experiment, data, and the command that repeats it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from iotids.tracking.store import ask_git, experiment_name

MAX_PARAM_LENGTH = 500  # holds for old servers too
MAX_TAG_LENGTH = 5000
LISTED_ELSEWHERE = ("data.sources", "data.root")  # long, or different on every machine
GENERATED = (":!params.yaml", ":!dvc.lock", ":!out/metrics.json")  # every experiment changes them


@dataclass(frozen=True)
class Origin:
    """DVC experiment (`workspace` outside one), git commit, the experiment's base, tracked files that differ from it."""

    experiment: str
    commit: str
    baseline: str
    uncommitted: str

    @property
    def in_workspace(self) -> bool:
        """Whether the results lie in the workspace and not in an experiment."""
        return self.experiment == "workspace"


def current_origin() -> Origin:
    """Where results come from that are published while they are made, or from out/."""
    return Origin(
        experiment=experiment_name(),
        commit=ask_git("rev-parse", "HEAD"),
        baseline=os.environ.get("DVC_EXP_BASELINE_REV", "")[:10],
        uncommitted=changed_files("HEAD"),
    )


def changed_files(*revisions: str) -> str:
    """Tracked files that differ between two revisions, or a revision and the workspace, but for those that DVC writes."""
    return ", ".join(ask_git("diff", "--name-only", *revisions, "--", ".", *GENERATED).splitlines())


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


def run_tags(scored: Mapping[str, Any], split: str, origin: Origin) -> dict[str, str]:
    """Where a run comes from and what its figures are; without what is not known."""
    part = scored["splits"][split]
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
        "dvc.exp": origin.experiment,
        "dvc.baseline": origin.baseline,
        "git.uncommitted": origin.uncommitted[:MAX_PARAM_LENGTH] or "none",
        "mlflow.source.git.commit": origin.commit,
        "mlflow.source.name": f"out/{scored['folder']}",
        "mlflow.user": "dvc",
        "mlflow.note.content": _description(scored, split, never, origin),
    }
    return {key: value for key, value in (tags | work_tags(scored)).items() if value}


def work_tags(scored: Mapping[str, Any]) -> dict[str, str]:
    """The work that describes the kind, its printed figure, what is faithful, adapted and assumed; none for other kinds."""
    work = scored.get("origin") or {}
    texts = {key: value if isinstance(value, str) else "; ".join(value) for key, value in work.items()}
    return {f"work.{key}" if key != "work" else key: text[:MAX_TAG_LENGTH] for key, text in texts.items()}


def _description(scored: Mapping[str, Any], split: str, never: str, origin: Origin) -> str:
    """What a reader of the run's page must know, and the command that repeats it."""
    part = scored["splits"][split]
    return (
        f"{scored['title']}, {scored['task']}, {part['title']} split; figures: {part['figure']}.\n\n"
        + (f"Never predicted: {never}.\n\n" if never else "")
        + (f"Made with uncommitted changes of: {origin.uncommitted}.\n\n" if origin.uncommitted else "")
        + f"Repeat: `{repeat_command(origin)}`"
    )


def repeat_command(origin: Origin) -> str:
    """The command that brings an experiment, or a commit, back and runs what is not in DVC's cache."""
    first = (
        f"git checkout {origin.commit[:10]}" if origin.in_workspace else f"dvc exp apply {origin.experiment}"
    )
    return f"{first} && dvc repro"


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
