"""Where compared runs are read from: a folder, a DVC experiment, branch or commit, or an experiment's runs in MLflow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from iotids.reporting.comparing.compared_run import ComparedRun, Key, run_from_texts

FILES = {
    "table2.csv": "out/dataset/table2.csv",
    "table3.csv": "out/report/table3.csv",
    "folds.csv": "out/score/folds.csv",
    "made_from.json": "out/score/made_from.json",
}
IN_MLFLOW = "mlflow:"
RUN_ID = re.compile(r"[0-9a-f]{32}")


def read_run(name: str, source: str) -> ComparedRun:
    """A run by its address.

    Parameters
    ----------
    source : `workspace`, a folder that holds out/, `mlflow:EXPERIMENT` or `mlflow:RUN-ID`, or a DVC experiment, branch or
        commit

    Raises
    ------
    FileNotFoundError
        When the run does not have its files; the message says how to get them.
    """
    if source.startswith(IN_MLFLOW):
        return run_from_mlflow(name, source.removeprefix(IN_MLFLOW))
    if source == "workspace" or _is_meant_as_folder(source):
        return run_from_texts(name, _read_folder(Path("." if source == "workspace" else source), source))
    if Path(source).is_file():
        raise ValueError(
            f"{source} is a file; a run is `workspace`, a folder that holds out/, a DVC experiment, branch or commit, or "
            "mlflow:EXPERIMENT. One table is audited by `iotids audit`"
        )
    return run_from_texts(name, {key: _read_revision(path, source) for key, path in FILES.items()})


def _is_meant_as_folder(source: str) -> bool:
    """Whether a folder of that name is meant: it holds out/, or git knows no commit, branch or experiment of that name."""
    if not Path(source).is_dir():
        return False
    return (Path(source) / "out").is_dir() or not _is_revision(source)


def _is_revision(name: str) -> bool:
    """Whether git has a commit, branch, tag or DVC experiment of that name."""
    from iotids.tracking.store import ask_git

    commit = ask_git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    return bool(commit or ask_git("for-each-ref", "--count=1", f"refs/exps/*/*/{name}"))


def _read_folder(folder: Path, source: str) -> dict[str, str]:
    """The files below a folder."""
    texts = {}
    for key, path in FILES.items():
        if not (folder / path).is_file():
            where = (
                "the workspace; run `make` first"
                if source == "workspace"
                else f"{folder}, where `make` writes it"
            )
            raise FileNotFoundError(f"{path} is not in {where}")
        texts[key] = (folder / path).read_text(encoding="utf-8")
    return texts


def _read_revision(path: str, revision: str) -> str:
    """A file of an experiment, out of git or DVC's cache."""
    import dvc.api  # a second's import, only for experiments
    from dvc.exceptions import DvcException
    from dvc_data.index import DataIndexDirError

    try:
        return dvc.api.read(path, rev=revision)
    except (DvcException, DataIndexDirError, OSError) as error:
        raise FileNotFoundError(
            f"{path} of run {revision!r}: {_one_line(error)}. `dvc exp list` names the experiments, each must have finished its "
            "report; results that DVC's cache lacks come by `dvc pull` from where they were pushed to, or by `dvc repro report` "
            "of that commit"
        ) from error


def _one_line(error: Exception) -> str:
    """The first line of what an error says, without its full stop."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def run_from_mlflow(name: str, experiment: str) -> ComparedRun:
    """All runs that MLflow has of an experiment (`workspace` for those of `dvc repro`), or the one that has this id; folds
    included.
    """
    from iotids.tracking.store import open_store

    with open_store() as (client, experiment_id):
        if RUN_ID.fullmatch(experiment):
            parents = _all_runs(
                client, experiment_id, f"tags.level = 'cv' AND attributes.run_id = '{experiment}'"
            )
        else:
            found = _all_runs(client, experiment_id, "tags.level = 'cv'" + _named(experiment))
            parents = [run for run in found if experiment in run.data.tags["dvc.exp"].split(", ")]
        if not parents:
            raise FileNotFoundError(
                f"mlflow:{experiment}: the store has no runs of that experiment, and no run of that id with folds; names stand "
                "in the column dvc.exp, and `iotids publish --experiments` brings them from DVC"
            )
        parents = list(
            {_key(run): run for run in sorted(parents, key=lambda run: run.info.end_time or 0)}.values()
        )
        folds: dict[Key, dict[str, dict[str, float]]] = {}
        for parent in parents:
            children = _all_runs(client, experiment_id, f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
            folds[_key(parent)] = {
                run.info.run_name.rpartition("fold ")[2]: _scores(run.data.metrics) for run in children
            }
    return ComparedRun(name, _data(parents[0]), [], [row for run in parents for row in _table3(run)], folds)


def _named(experiment: str) -> str:
    """Narrow a search to runs that may be of an experiment; names that MLflow's search cannot quote narrow nothing."""
    plain = all(letter.isalnum() or letter in "-_./ " for letter in experiment)
    return f" AND tags.`dvc.exp` LIKE '%{experiment}%'" if plain else ""


def _all_runs(client: Any, experiment_id: str, search: str) -> list[Any]:
    """Every run that a filter finds, page by page."""
    found: list[Any] = []
    token = None
    while True:
        page = client.search_runs([experiment_id], search, max_results=1000, page_token=token)
        found += page
        if not (token := page.token):
            return found


def _key(run: Any) -> Key:
    """Task, model, split."""
    tags = run.data.tags
    return tags["task"], tags["model"], tags["split"]


def _scores(metrics: dict[str, float]) -> dict[str, float]:
    """Scores by their plain names."""
    return {
        name.partition("/")[2]: value
        for name, value in metrics.items()
        if name.partition("/")[0] in ("test", "test_more")
    }


def _table3(run: Any) -> list[dict[str, str]]:
    """Rows as table3.csv has them."""
    task, model, split = _key(run)
    scores = _scores(run.data.metrics)
    plain = [name for name in scores if not name.endswith(("_sd", "_by_capture"))]
    fixed = {"task": task, "model": model, "split": split, "paper": ""}
    return [
        fixed | {"score": name, "value": str(scores[name]), "std": str(scores.get(f"{name}_sd", ""))}
        for name in plain
    ]


def _data(run: Any) -> str:
    """As `data_of`: the dataset's digest and the split's settings."""
    digest = next((one.dataset.digest for one in run.inputs.dataset_inputs), "")
    split = [f"{key}={run.data.params.get(f'split.{key}')}" for key in ("folds", "seed", "embargo_s")]
    return " ".join([digest, *split])
