"""The paper's future work: a classifier on the few features that a method chooses in each fold's training rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from iotids.learning.baselines.classical import SCIKIT_KINDS, check_positive
from iotids.learning.contract import Fitted, ModelKind, Origin, TrainingData, check_training
from iotids.learning.runs.onnx_model import OnnxModel

CLASSIFIERS = {kind.name: kind for kind in SCIKIT_KINDS}
METHOD_NAMES = ("mutual_information", "anova_f", "l1", "tree_importance", "permutation", "mrmr", "clusters")


@dataclass(frozen=True)
class FewerFeaturesSettings:
    """How many features, chosen how, for which classifier (with its own defaults)."""

    n_features: int = 20
    method: str = "mutual_information"
    classifier: str = "random_forest"
    ranked_rows: int = 3000

    def __post_init__(self) -> None:
        """Refuse unknown names and sizes below 1."""
        check_positive(self, "n_features", "ranked_rows")
        for name, known in (("method", METHOD_NAMES), ("classifier", tuple(CLASSIFIERS))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; known are {', '.join(known)}")


class FewerFeatures(Fitted):
    """A model of some columns.

    Parameters
    ----------
    columns : their numbers, ascending
    n_features : of the flows that it is given
    """

    def __init__(
        self, model: Fitted, columns: np.ndarray, names: list[str], *, n_classes: int, n_features: int
    ) -> None:
        self.model, self.columns, self.names = model, columns, names
        self.n_classes, self.n_features = n_classes, n_features

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k) of the model."""
        return self.model.scores(features[:, self.columns])

    def to_onnx(self) -> bytes:
        """The model's graph after a choice of columns."""
        from iotids.learning.baselines.onnx.composed import chosen_columns_onnx

        sizes = {"n_features": self.n_features, "n_classes": self.n_classes}
        return chosen_columns_onnx(self.model.to_onnx(), self.columns, **sizes)

    def save(self, folder: Path) -> None:
        """Write model.onnx."""
        OnnxModel(self.to_onnx()).save(folder)

    def facts(self) -> dict[str, Any]:
        """Names of the chosen features, and what the classifier says."""
        return self.model.facts() | {"chosen_features": self.names}

    @property
    def model_bytes(self) -> int:
        """Size of the classifier."""
        return self.model.model_bytes


class FewerFeaturesKind(ModelKind):
    """Nothing outside the training rows is looked at for the choice."""

    name = "fewer_features"
    trains_from_file = True
    settings_type = FewerFeaturesSettings
    origin = Origin(
        "the paper's future work: feature selection",
        faithful=("fewer of the 70 features",),
        adapted=("chosen in the training rows of every fold, so that no test row has a say",),
        assumed=("method", "classifier", "n_features", "ranked_rows"),
    )

    def fit(self, data: TrainingData, settings: FewerFeaturesSettings, *, seed: int) -> Fitted:
        """Choose, then fit on every row.

        Raises
        ------
        ValueError
            More features wanted than flows have, or data that no model can use.
        """
        from sklearn.exceptions import ConvergenceWarning

        from iotids.learning.baselines.scaling import one_thread
        from iotids.learning.baselines.surveyed.feature_ranking import choose_features

        check_training(data.features, data.truth, n_classes=data.n_classes)
        n_features = data.features.shape[1]
        if settings.n_features > n_features:
            raise ValueError(f"n_features is {settings.n_features}; flows have {n_features} features")
        limits = {"n_features": settings.n_features, "max_rows": settings.ranked_rows}
        if np.unique(data.truth).size == 1:
            columns = np.arange(settings.n_features)  # nothing to tell apart
        else:
            with one_thread(), warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # a rank needs no last digit
                columns = choose_features(settings.method, data.features, data.truth, **limits, seed=seed)
        kind = CLASSIFIERS[settings.classifier]
        model = kind.fit(replace(data, features=data.features[:, columns]), kind.settings({}), seed=seed)
        known = data.feature_names or self.feature_names
        names = [known[j] for j in columns] if len(known) == n_features else []
        return FewerFeatures(model, columns, names, n_classes=data.n_classes, n_features=n_features)

    def load(self, folder: Path) -> Fitted:
        """The ONNX form."""
        return OnnxModel.load(folder)
