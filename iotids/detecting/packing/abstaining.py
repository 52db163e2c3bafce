"""Which classes a package's scores allow, from its held-out flows, and what that is worth: on held-out folds and on
sites left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from iotids.detecting.judging.abstention import (
    PossibleClasses,
    fit_possible_classes,
    possible_to_plain,
)
from iotids.detecting.judging.operating_point import attack_log_odds
from iotids.detecting.judging.verdict_words import ATTACK, BENIGN, STANDS
from iotids.detecting.packing.out_of_fold import OutOfFold

GUARANTEE = (
    "of every class at most the rest is judged wrong, on traffic exchangeable with the held-out flows; another network is not; "
    "strictly so for the folds' models, whose edges this one uses"
)


def describe_abstention(
    predictions: OutOfFold,
    classes: Sequence[str],
    *,
    benign_index: int,
    temperature: float,
    threshold: float,
    coverage: float | None,
    without: Sequence[str],
    unseen: OutOfFold | None = None,
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """What package.json says of abstention, and what reference.json holds of it; nothing without a coverage.

    Parameters
    ----------
    predictions : OutOfFold
        Flows by models that had not learnt from them; the edges are theirs.
    threshold : float
        Log-odds from which on a flow is called an attack.
    coverage : float, optional
        Of every class this share keeps its class among the possible ones.
    without : sequence of str
        Classes that nothing is promised for.

    Raises
    ------
    ValueError
        A coverage that is not between 0 and 1.
    """
    if coverage is None:
        return None, None
    if not 0.0 < coverage < 1.0:
        raise ValueError(
            f"final.coverage is {coverage:g}; wanted is a share between 0 and 1, or null for none"
        )
    left = [list(classes).index(name) for name in without]

    def edges_without(rows: np.ndarray) -> PossibleClasses:
        kept = ~np.isin(predictions.row, rows)
        log_odds = attack_log_odds(predictions.logits[kept], temperature, benign_index)
        return fit_possible_classes(
            log_odds,
            predictions.truth[kept],
            len(classes),
            benign_index=benign_index,
            coverage=coverage,
            without=left,
        )

    def measured(held: OutOfFold) -> dict[str, Any]:
        log_odds = attack_log_odds(held.logits, temperature, benign_index)
        cells = []
        for fold in np.unique(held.fold):
            here = held.fold == fold
            possible = edges_without(held.row[here])
            cells += cells_of(possible, log_odds[here], held.truth[here], threshold)
        return summed_up(cells, classes)

    whole = edges_without(np.array([], np.int64))
    promised = [name for name, edge in zip(classes, whole.edges, strict=True) if not np.isnan(edge)]
    manifest = {
        "coverage": coverage,
        "guarantee": GUARANTEE,
        "split": predictions.split,
        "promised_for": promised,
        "flows_per_class": {name: int((predictions.truth == c).sum()) for c, name in enumerate(classes)},
        "held_out": measured(predictions),
        "unseen_site": None if unseen is None else measured(unseen),
    }
    return manifest, possible_to_plain(whole, classes)


Cell = tuple[int, float, float, float]


def cells_of(
    possible: PossibleClasses, log_odds: np.ndarray, truth: np.ndarray, threshold: float
) -> list[Cell]:
    """For every class of a fold that something is promised for: its number, and the shares of its flows that have it among the possible classes, that
    are abstained from, and that are judged wrong.
    """
    code = np.where(log_odds >= threshold, ATTACK, BENIGN)
    withdrawn = possible.withdrawn(code, log_odds) != STANDS
    allowed = possible.of(log_odds)
    cells = []
    for c in np.unique(truth).tolist():
        mine = truth == c
        wrong = (code == ATTACK) == (c == possible.benign_index)
        if not np.isnan(possible.edges[c]):
            shares = (allowed[mine, c].mean(), withdrawn[mine].mean(), (wrong & ~withdrawn)[mine].mean())
            cells.append((c, *map(float, shares)))
    return cells


def summed_up(cells: Sequence[Cell], classes: Sequence[str]) -> dict[str, Any]:
    """Means over cells, and per class."""
    names = ("covered", "abstained", "wrong")
    mean = lambda some: {  # noqa: E731
        name: float(np.mean([cell[1 + i] for cell in some])) for i, name in enumerate(names)
    }
    per_class = {
        classes[c]: mean([cell for cell in cells if cell[0] == c])
        for c in sorted({cell[0] for cell in cells})
    }
    return {"cells": len(cells)} | mean(cells) | {"per_class": per_class}
