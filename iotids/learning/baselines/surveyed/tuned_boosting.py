"""Gradient boosting tuned inside the fold: a fixed number of settings, compared on parts of the training rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iotids.learning.baselines.classical import ScikitModel, check_positive
from iotids.learning.contract import Fitted, ModelKind, TrainingData, check_training
from iotids.learning.runs.onnx_model import OnnxModel

SPACE: dict[str, list[Any]] = {
    "learning_rate": [0.03, 0.06, 0.1, 0.2],
    "max_iter": [50, 100, 200],
    "max_leaf_nodes": [15, 31, 63],
    "min_samples_leaf": [5, 20, 60],
    "l2_regularization": [0.1, 1.0, 10.0],
    "max_features": [0.3, 0.6, 1.0],
}


@dataclass(frozen=True)
class TunedBoostingSettings:
    """Settings tried, inner parts, and rows that the search looks at; the chosen setting is fitted on all rows."""

    trials: int = 8
    inner_folds: int = 3
    searched_rows: int = 6000

    def __post_init__(self) -> None:
        """Refuse no trials and fewer parts than two."""
        check_positive(self, "trials", "searched_rows")
        if self.inner_folds < 2:
            raise ValueError(f"inner_folds is {self.inner_folds}; a setting is compared on 2 or more parts")


class TunedModel(ScikitModel):
    """With the settings that won."""

    chosen: dict[str, Any]

    def facts(self) -> dict[str, Any]:
        """Size, and the settings that won."""
        return super().facts() | {"chosen": getattr(self, "chosen", {})}


class TunedBoostingKind(ModelKind):
    """Compared by macro F. Inner parts keep recordings together where there are enough, else they are stratified."""

    name = "tuned_boosting"
    settings_type = TunedBoostingSettings
    trains_from_file = True

    def fit(self, data: TrainingData, settings: TunedBoostingSettings, *, seed: int) -> Fitted:
        """Search, then fit the best on every row."""
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.pipeline import make_pipeline

        from iotids.learning.baselines.scaling import one_thread

        check_training(data.features, data.truth, n_classes=data.n_classes)
        seen = np.unique(data.truth)
        sizes = {"n_classes": data.n_classes, "n_features": data.features.shape[1]}
        if seen.size == 1:
            return TunedModel(None, "none", seen, **sizes)
        with one_thread():
            chosen = _searched(data, settings, seed)
            boosting = HistGradientBoostingClassifier(early_stopping=False, random_state=seed, **chosen)
            model = TunedModel(make_pipeline(boosting).fit(data.features, data.truth), "none", seen, **sizes)
        model.chosen = chosen
        return model

    def load(self, folder: Path) -> Fitted:
        """The ONNX form."""
        return OnnxModel.load(folder)


def _searched(data: TrainingData, settings: TunedBoostingSettings, seed: int) -> dict[str, Any]:
    """The settings of largest macro F over the inner parts; the first trial where none can be compared."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import ParameterSampler, RandomizedSearchCV

    rows = _drawn(data.truth, settings.searched_rows, np.random.default_rng(seed))
    parts = _inner_parts(data.truth[rows], data.group[rows], settings.inner_folds, seed)
    if not parts:
        return dict(next(iter(ParameterSampler(SPACE, 1, random_state=seed))))
    search = RandomizedSearchCV(
        HistGradientBoostingClassifier(early_stopping=False, random_state=seed),
        SPACE,
        n_iter=settings.trials,
        scoring="f1_macro",
        cv=parts,
        refit=False,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class without a row in a part; 'f1_macro' counts it as 0
        search.fit(data.features[rows], data.truth[rows])
    return dict(search.best_params_)


def _inner_parts(
    truth: np.ndarray, group: np.ndarray, n: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(rows to fit, rows to compare) of each inner part in which at least two classes can be learned."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if truth.size < n or np.bincount(truth).max() < n:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes with fewer rows than parts
        grouped = np.unique(group).size >= 2 * n
        cut = StratifiedGroupKFold if grouped else StratifiedKFold
        parts = list(cut(n, shuffle=True, random_state=seed).split(truth, truth, group))
    return [part for part in parts if np.unique(truth[part[0]]).size > 1 and part[1].size]


def _drawn(truth: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Row numbers, ascending: at most so many, and up to 50 of each class in any case."""
    mixed = rng.permutation(truth.size)
    rare = [mixed[truth[mixed] == c][:50] for c in np.unique(truth)]
    rows: np.ndarray = np.unique(np.concatenate([mixed[:most], *rare]))
    return rows
