"""Scored runs, detector packages and, where asked for, DVC's experiments → MLflow's store: iotids publish out/

What the store has already is left alone, so that the command can be repeated.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from iotids.counted import counted
from iotids.tracking.experiments import publish_experiments
from iotids.tracking.publishing import publish_scores, what_to_do, why
from iotids.tracking.registry import main as register_packages
from iotids.tracking.store import store_uri


def find_below(paths: list[str], name: str) -> list[Path]:
    """Folders that hold a file of that name, at or below the paths."""
    return sorted({file.parent for path in paths for file in Path(path).rglob(name)})


def main(arguments: list[str] | None = None) -> int:
    """Publish every scored run and every detector package at or below the given paths."""
    parser = argparse.ArgumentParser(prog="iotids publish", description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", default=["out"], help="folders to look in (default: out)")
    parser.add_argument(
        "--experiments",
        action="store_true",
        help="also DVC's experiments, from git and DVC's cache, with their detectors",
    )
    given = parser.parse_args(arguments)
    scores, packages = find_below(given.paths, "made_from.json"), find_below(given.paths, "package.json")
    if not scores and not given.experiments:
        print(
            f"no scores (made_from.json) at or below {', '.join(given.paths)}; `make` or `dvc repro score` writes them "
            "to out/score/",
            file=sys.stderr,
        )
        return 1
    counts = [_published(partial(_count_new, folder), str(folder)) for folder in scores]
    if scores:
        runs = sum(1 for folder in scores for _ in (folder / "runs").glob("*.json"))
        print(f"{counted(runs, 'scored model')}, {counted(sum(counts), 'new run')} in {store_uri()}")
    code = register_packages([str(folder) for folder in packages]) if packages else 0
    if given.experiments:
        number = _published(publish_experiments, "--experiments")
        print(f"{counted(number, 'experiment')} of DVC not read before")
    return code


def _count_new(score: Path) -> int:
    """Publish a folder of scores; gives the number of runs that were new."""
    return len(publish_scores(score))


def _published(work: Callable[[], int], what: str) -> int:
    """How many were new; whatever the store raises, the answer is the same sentence."""
    try:
        return work()
    except ModuleNotFoundError:
        raise  # the caller knows which extra brings it
    except Exception as error:
        raise OSError(f"{what}: {why(error)}\n{what_to_do(what, error)}") from error
