"""Two forests for sites that training has not seen: one looks at a flow's context alone, the other at the flow too; the mean
of their class shares is the score.

Each is a forest as of `site_trees`. They are wrong on different sites: see docs/unseen-site.md for what the second is worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from iotids.flowmeter.columns.groups import CONTEXT, FLOW, features_of
from iotids.learning.baselines.classical import ScikitModel, check_positive
from iotids.learning.baselines.site_trees import SCALING, drawn_rows
from iotids.learning.contract import Fitted, ModelKind, TrainingData, check_training
from iotids.learning.runs.onnx_model import OnnxModel


@dataclass(frozen=True)
class SiteForestsSettings:
    """Trees of each forest, flows in a leaf of each, and flows that a class of a site is learnt from at most."""

    n_estimators: int = 100
    context_leaf: int = 60
    both_leaf: int = 20
    per_cell: int = 250

    def __post_init__(self) -> None:
        """Refuse sizes below 1."""
        check_positive(self, "n_estimators", "context_leaf", "both_leaf", "per_cell")


class SiteForestsKind(ModelKind):
    """A source is a site; a recording is a group."""

    name = "site_forests"
    settings_type: ClassVar[type] = SiteForestsSettings
    sees = (FLOW, CONTEXT)
    any_features = False
    trains_from_file = True

    def fit(self, data: TrainingData, settings: SiteForestsSettings, *, seed: int) -> Fitted:
        """Draw flows of every class of every site, weigh the cells alike, fit both."""
        from sklearn.pipeline import make_pipeline

        from iotids.learning.baselines.scaling import fit_scaling, one_thread
        from iotids.learning.baselines.two_forests import TwoForests

        check_training(data.features, data.truth, n_classes=data.n_classes)
        seen = np.unique(data.truth)
        sizes = {"n_classes": data.n_classes, "n_features": data.features.shape[1]}
        if seen.size == 1:
            return ScikitModel(None, SCALING, seen, **sizes)
        rows, weights = drawn_rows(data, per_cell=settings.per_cell, seed=seed)
        with one_thread():
            steps, scaled = fit_scaling(SCALING, data.features[rows])
            leaves = (settings.context_leaf, settings.both_leaf)
            forests = TwoForests(settings.n_estimators, leaves, len(features_of((FLOW,))), seed)
            forests.fit(scaled, data.truth[rows], weights)
        return ScikitModel(make_pipeline(*steps, forests), SCALING, seen, **sizes)

    def load(self, folder: Path) -> Fitted:
        """The ONNX form."""
        return OnnxModel.load(folder)
