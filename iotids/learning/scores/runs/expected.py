"""Which run folders are scored: those that the parameters name, no more and no fewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


def run_folders(
    tasks: Sequence[str], models: Mapping[str, Sequence[str]], folders: Mapping[str, Path]
) -> dict[tuple[str, str], Path]:
    """Folder of every (task, model), stage by stage.

    Parameters
    ----------
    models : names of the models by stage (network, baseline)
    folders : folder of each stage's runs
    """
    return {
        (task, model): folders[stage] / f"{task}-{model}"
        for stage, names in models.items()
        for task in tasks
        for model in names
    }


def check_complete(runs: Mapping[tuple[str, str], Path], there: Mapping[tuple[str, str], bool]) -> None:
    """Refuse to score less than was asked for.

    Raises
    ------
    FileNotFoundError
        Names the folders without results and what to do.
    """
    if missing := [str(runs[key]) for key, exists in there.items() if not exists]:
        raise FileNotFoundError(
            f"no results (folds.json) in {', '.join(missing)}: run `dvc repro`, or take the model out of its list in conf/"
        )


def check_classes(run: str, found: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse a run whose model knows other classes than the data, or the same in another order.

    Raises
    ------
    ValueError
        Names the run, both lists and what to do.
    """
    if list(found) != list(wanted):
        raise ValueError(
            f"{run} was trained on the classes {', '.join(found)}, but data.classes ask for {', '.join(wanted)}: run `dvc repro`"
        )
