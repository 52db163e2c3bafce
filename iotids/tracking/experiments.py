"""DVC experiments from git and DVC's cache into MLflow, also those whose stages came out of DVC's run cache, which execute
nothing and so publish nothing.

`iotids publish --experiments` takes every experiment that the store does not name yet.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from iotids.tracking.keras_model import clean_alias
from iotids.tracking.provenance import Origin, changed_files
from iotids.tracking.publishing import publish_scores
from iotids.tracking.registry import register_package
from iotids.tracking.store import ask_git, open_store

DATASET, RUN_STAGES, PACKED = "integrate", ("network", "baseline"), "final"
TAG, SHORT = "dvc experiments", 12  # of the MLflow experiment: those that were published from here, by commit
MOST_NOTED = 5000 // (SHORT + 1)  # what a tag holds; experiments beyond are read again, and found published


@dataclass(frozen=True)
class Experiment:
    """A finished experiment: its name, its own commit, and the commit that it started from."""

    name: str
    commit: str
    baseline: str

    @property
    def origin(self) -> Origin:
        """What its runs say about where they come from."""
        changed = changed_files(self.baseline, self.commit)
        return Origin(self.name, self.baseline, self.baseline[:10], changed)


def finished_experiments() -> list[Experiment]:
    """Every experiment that git has a reference to, in the order of their names."""
    listed = ask_git("for-each-ref", "--format=%(refname) %(objectname)", "refs/exps")
    found = []
    for line in listed.splitlines():
        reference, commit = line.rsplit(" ", 1)
        _, _, *parts = reference.split("/", 4)  # refs/exps/<2>/<38>/<name>
        if len(parts) == 3 and len(parts[0] + parts[1]) == 40:
            found.append(Experiment(parts[2], commit, parts[0] + parts[1]))
    return sorted(found, key=lambda one: one.name)


class CachedResults:
    """The results that an experiment's dvc.lock names, as far as they belong together and DVC's cache has them."""

    def __init__(self, lock: Mapping[str, Any], params: Mapping[str, Any], cache: Path) -> None:
        self._stages: Mapping[str, Any] = lock.get("stages", {})
        self._params, self._cache = params, cache

    def place(self, folder: Path) -> None:
        """Link what was made below `folder`: the scores with their run folders and flows, and the packages.

        A stage that the experiment did not reach stands in dvc.lock as it was before, made from other parameters or
        other files: such a stage is left out.
        """
        for name in self._stages:
            if name.split("@")[0] in ("score", PACKED, DATASET, *RUN_STAGES) and self._is_current(name):
                for out in self._stages[name].get("outs", ()):
                    self._link(out, folder / out["path"])

    def _is_current(self, name: str) -> bool:
        """Whether a stage was run with the experiment's parameters, on what the other stages made."""
        stage = self._stages[name]
        recorded = stage.get("params", {}).get("params.yaml", {})
        if any(value != self._value(key) for key, value in recorded.items()):
            return False
        made = {out["path"]: out.get("md5") for each in self._stages.values() for out in each.get("outs", ())}
        return all(made.get(dep["path"], dep.get("md5")) == dep.get("md5") for dep in stage.get("deps", ()))

    def _value(self, key: str) -> Any:
        """A parameter by its dotted name; a whole section where it is one."""
        found: Any = self._params
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found

    def _link(self, out: Mapping[str, Any], target: Path) -> None:
        """Link one output from the cache; nothing where the cache lacks it."""
        for file, md5 in self._files(str(out.get("md5", ""))):
            source, place = self._object(md5), target / file if file else target
            if source.is_file():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(source)

    def _files(self, md5: str) -> Iterator[tuple[str, str]]:
        """(path, md5) of the files of a folder, or the file itself with an empty path."""
        if not md5.endswith(".dir"):
            yield "", md5
        elif (listing := self._object(md5)).is_file():
            for entry in json.loads(listing.read_text(encoding="utf-8")):
                yield entry["relpath"], entry["md5"]

    def _object(self, md5: str) -> Path:
        return self._cache / "files" / "md5" / md5[:2] / md5[2:]


def read_results(experiment: Experiment, cache: Path) -> CachedResults:
    """Results of an experiment by its own dvc.lock and params.yaml."""
    import yaml

    texts = [ask_git("show", f"{experiment.commit}:{name}") for name in ("dvc.lock", "params.yaml")]
    lock, params = (yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) for text in texts)
    return CachedResults(lock or {}, params or {}, cache)


def cache_folder() -> Path:
    """DVC's cache, wherever its settings put it."""
    done = subprocess.run(["dvc", "cache", "dir"], capture_output=True, text=True, check=False)
    return Path(done.stdout.strip() or ".dvc/cache").absolute()


def publish_experiments() -> int:
    """Publish every experiment that was not published from here before; gives the number of them."""
    known, all_of_them = _published_commits(), finished_experiments()
    new = [one for one in all_of_them if one.commit[:SHORT] not in known]
    cache = cache_folder() if new else Path()
    for experiment in new:
        with TemporaryDirectory(prefix="iotids-") as temporary:
            folder = Path(temporary)
            read_results(experiment, cache).place(folder)
            if scored_these_runs(folder / "out"):
                publish_scores(folder / "out/score", experiment.origin)
            for manifest in sorted(folder.glob("out/final/*/package.json")):
                content = json.loads(manifest.read_text(encoding="utf-8"))
                register_package(manifest.parent, content, alias=clean_alias(experiment.name))
    _note_published([one.commit[:SHORT] for one in all_of_them][-MOST_NOTED:])
    return len(new)


def scored_these_runs(out: Path) -> bool:
    """Whether out/score is there and was computed from the run folders next to it, by the times that they took."""
    if not (out / "score/made_from.json").is_file():
        return False
    for file in (out / "score/runs").glob("*.json"):
        scored = json.loads(file.read_text(encoding="utf-8"))
        folds = out / scored["folder"] / "folds.json"
        run = json.loads(folds.read_text(encoding="utf-8")) if folds.is_file() else {"splits": {}}
        if any(_times(run, split) != _times(scored, split) for split in scored["splits"]):
            return False
    return True


def _times(run: Mapping[str, Any], split: str) -> list[float]:
    """Seconds of every fold of a split; no two executions have the same."""
    return [fold["fit_s"] for fold in run["splits"].get(split, {"folds": []})["folds"]]


def _published_commits() -> set[str]:
    """Commits of the experiments that were published from here, shortened."""
    with open_store() as (client, experiment_id):
        return set(client.get_experiment(experiment_id).tags.get(TAG, "").split())


def _note_published(commits: list[str]) -> None:
    """Remember them in the store, so that the next call reads nothing again."""
    with open_store() as (client, experiment_id):
        client.set_experiment_tag(experiment_id, TAG, " ".join(sorted(commits)))
