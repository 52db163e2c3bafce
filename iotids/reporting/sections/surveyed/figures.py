"""What each surveyed work is known for: scores by fog nodes, by length of windows, by depth, by number of features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from iotids.learning.scores.names import METRIC, model_title, split_title
from iotids.learning.scores.runs.run_scores import RunScores, SplitScores
from iotids.writing.markdown import markdown_table, number

Row = list[Any]


def figures_markdown(runs: Sequence[RunScores], splits: Sequence[str]) -> str:
    """Every table that some run has a row for."""
    return "\n".join(text for table in TABLES if (text := table(runs, splits)))


def by_nodes(runs: Sequence[RunScores], splits: Sequence[str]) -> str:
    """Fog: shares and nodes; exchanges and bytes are means over the folds of the first split."""

    def cells(run: RunScores) -> Row:
        rounds, sent = (
            _fact(run.splits[splits[0]], f"{name}") for name in ("exchange_rounds", "exchanged_bytes")
        )
        return [
            run.params["shares"],
            run.params["nodes"],
            number(rounds, digits=0),
            number(sent / 2**20, digits=2),
        ]

    return _table(
        "By nodes of the fog",
        ["shares", "nodes", "exchanges", "MiB exchanged"],
        runs,
        splits,
        wanted=("nodes", "shares"),
        cells=cells,
    )


def by_window(runs: Sequence[RunScores], splits: Sequence[str]) -> str:
    """Windows over a host's flows."""
    return _table(
        "By length of the window, flows of a host",
        ["model", "window"],
        runs,
        splits,
        wanted=("window",),
        cells=lambda run: [run.params.get("cell", "tap-delay"), run.params["window"]],
    )


def by_depth(runs: Sequence[RunScores], splits: Sequence[str]) -> str:
    """Hidden layers, with and without residual connections and He's start."""
    return _table(
        "By depth and trainability",
        ["start", "residual", "hidden layers"],
        runs,
        splits,
        wanted=("depth", "residual", "start"),
        cells=lambda run: [run.params["start"], str(run.params["residual"]).lower(), run.params["depth"]],
    )


def by_features(runs: Sequence[RunScores], splits: Sequence[str]) -> str:
    """Feature selection; stability is the mean Jaccard index of what the folds of the first split chose."""
    return _table(
        "By number of features",
        ["method", "features", "stability"],
        runs,
        splits,
        wanted=("n_features", "method"),
        cells=lambda run: [
            run.params["method"],
            run.params["n_features"],
            number(stability(run.splits[splits[0]]), digits=2),
        ],
    )


TABLES = (by_nodes, by_window, by_depth, by_features)


def stability(scored: SplitScores) -> float:
    """Mean over pairs of folds of |common features| / |features of either|; NaN below two folds or without names."""
    chosen = [set(record.get("facts", {}).get("chosen_features", ())) for record in scored.records]
    shares = [len(a & b) / len(a | b) for a, b in combinations(chosen, 2) if a | b]
    return float(np.mean(shares)) if shares else float("nan")


def _table(
    title: str,
    header: Sequence[str],
    runs: Sequence[RunScores],
    splits: Sequence[str],
    *,
    wanted: Sequence[str],
    cells: Callable[[RunScores], Row],
) -> str:
    """A row for every run that has the wanted parameters, sorted by its first cells; '' without any."""
    mine = [run for run in runs if all(name in run.params for name in wanted)]
    rows = sorted(((cells(run), run) for run in mine), key=lambda row: row[0])
    if not rows:
        return ""
    lines = []
    for own, run in rows:
        scores = [(run.splits[split].value(METRIC), run.splits[split].spread(METRIC)) for split in splits]
        lines.append([model_title(run.model), *own, *(number(*score, digits=3) for score in scores)])
    titles = [f"macro F, {split_title(split)}" for split in splits]
    table = markdown_table(["Model", *header, *titles], lines, kinds="ttn")
    return f"{title}:\n\n{table}"


def _fact(scored: SplitScores, name: str) -> float:
    """Mean over folds of a number among the facts; NaN where a fold lacks it."""
    return float(np.mean([record.get("facts", {}).get(name, float("nan")) for record in scored.records]))
