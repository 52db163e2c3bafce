"""Trees for sites that training has not seen: they look at a flow's context alone, and every class of every site
counts alike.

Extremely randomised trees (Geurts, Ernst, Wehenkel 2006) with large leaves. What the flow itself is like, its
sizes and times, tells the site; what its end points did before it ended tells the attack: see
docs/unseen-site.md for what each choice is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from iotids.flowmeter.columns.groups import CONTEXT
from iotids.learning.baselines.classical import ScikitModel, check_positive
from iotids.learning.contract import Fitted, ModelKind, TrainingData, check_training
from iotids.learning.runs.onnx_model import OnnxModel

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]  # scaled features, class numbers and weights of drawn flows
SCALING = (
    "log"  # thresholds are drawn evenly between smallest and largest value: counts must not span decades
)


@dataclass(frozen=True)
class SiteTreesSettings:
    """Trees, flows in a leaf, and flows that a class of a site is learnt from at most."""

    n_estimators: int = 200
    min_samples_leaf: int = 60
    per_cell: int = 250

    def __post_init__(self) -> None:
        """Refuse sizes below 1."""
        check_positive(self, "n_estimators", "min_samples_leaf", "per_cell")


class SiteTreesKind(ModelKind):
    """A source is a site; a recording is a group."""

    name = "site_trees"
    settings_type: ClassVar[type] = SiteTreesSettings
    sees = (CONTEXT,)
    trains_from_file = True

    def fit(self, data: TrainingData, settings: SiteTreesSettings, *, seed: int) -> Fitted:
        """Draw flows of every class of every site, weigh the cells alike, fit."""
        size = {"n": settings.n_estimators, "leaf": settings.min_samples_leaf}

        def grown(draws: Sequence[Drawn]) -> Any:
            ((X, y, weights),) = draws
            return grown_trees(X, y, **size, weights=weights, seed=seed)

        return fit_on_draws(data, grown, per_cell=settings.per_cell, seeds=[seed])

    def load(self, folder: Path) -> Fitted:
        """The ONNX form."""
        return OnnxModel.load(folder)


def fit_on_draws(
    data: TrainingData,
    grown: Callable[[Sequence[Drawn]], Any],
    *,
    per_cell: int,
    seeds: Sequence[int],
) -> ScikitModel:
    """The classifier that `grown` makes of draws of flows, one with each seed, behind its scaling."""
    from sklearn.pipeline import make_pipeline

    from iotids.learning.baselines.scaling import fit_scaling, one_thread

    check_training(data.features, data.truth, n_classes=data.n_classes)
    seen = np.unique(data.truth)
    sizes = {"n_classes": data.n_classes, "n_features": data.features.shape[1]}
    if seen.size == 1:
        return ScikitModel(None, SCALING, seen, **sizes)
    drawn = [drawn_rows(data, per_cell=per_cell, seed=seed) for seed in seeds]
    every = np.unique(np.concatenate([rows for rows, _ in drawn]))
    with one_thread():
        steps, scaled = fit_scaling(SCALING, data.features[every])
        places = [np.searchsorted(every, rows) for rows, _ in drawn]
        model = grown(
            [
                (scaled[place], data.truth[rows], weights)
                for place, (rows, weights) in zip(places, drawn, strict=True)
            ]
        )
    return ScikitModel(make_pipeline(*steps, model), SCALING, seen, **sizes)


def drawn_rows(data: TrainingData, *, per_cell: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and weights of the rows that are learnt from."""
    rows = draw_cells(data.source, data.truth, data.group, per_cell=per_cell, seed=seed)
    names = np.array(data.classes)[data.truth[rows]]
    return rows, site_class_weights(data.source[rows].astype(str), names, benign=data.benign)


def grown_trees(X: np.ndarray, y: np.ndarray, *, n: int, leaf: int, weights: np.ndarray, seed: int) -> Any:
    """Extremely randomised trees with at least so many flows in a leaf, fewer where there are not ten times as many flows."""
    from sklearn.ensemble import ExtraTreesClassifier

    most = min(leaf, max(1, len(y) // 10))
    trees = ExtraTreesClassifier(n, min_samples_leaf=most, n_jobs=1, random_state=seed)
    return trees.fit(X, y, sample_weight=weights)


def draw_cells(
    site: np.ndarray, truth: np.ndarray, group: np.ndarray, *, per_cell: int, seed: int
) -> np.ndarray:
    """Row numbers, ascending: at most `per_cell` of each class of each site, without replacement.

    A recording counts by the root of its flows: one with many does not drown the others, and is not as rare as
    one with few.

    Parameters
    ----------
    site, truth, group : (n,) numbers
    """
    rng = np.random.default_rng(seed)
    drawn: list[np.ndarray] = []
    cells = np.unique(np.column_stack([site, truth]), axis=0)
    for one_site, one_class in cells:
        rows = np.flatnonzero((site == one_site) & (truth == one_class))
        if rows.size > per_cell:
            _, recording, counts = np.unique(group[rows], return_inverse=True, return_counts=True)
            chance = 1.0 / np.sqrt(counts[recording])
            rows = rng.choice(rows, per_cell, replace=False, p=chance / chance.sum())
        drawn.append(rows)
    numbers: np.ndarray = np.sort(np.concatenate(drawn))
    return numbers


def site_class_weights(sites: np.ndarray, labels: np.ndarray, *, benign: str) -> np.ndarray:
    """Weight of each row; the mean is 1.

    Parameters
    ----------
    sites, labels : (n,) of strings
    benign : name of the benign class

    Returns
    -------
    weights : (n,) float64
        Within benign rows every site has the same sum, within attacks every (site, class). Both halves have
        the same sum, unless one of them is empty.

    Raises
    ------
    ValueError
        No rows, or shapes that differ.
    """
    if sites.shape != labels.shape or not len(sites):
        raise ValueError(
            f"sites have shape {sites.shape}, labels {labels.shape}; wanted are equal ones with rows"
        )
    _, site = np.unique(sites, return_inverse=True)
    names, label = np.unique(labels, return_inverse=True)
    cell = site * len(names) + label
    _, inverse, counts = np.unique(cell, return_inverse=True, return_counts=True)
    weights = 1.0 / counts[inverse]
    is_benign = labels == benign
    for half in (is_benign, ~is_benign):
        if half.any():
            weights[half] /= weights[half].sum()
    return weights / weights.mean()
