"""Two forests for sites that training has not seen: one looks at a flow's context alone, the other at the flow too; the mean
of their class shares is the score.

Each is a forest as of `site_trees`. They are wrong on different sites: see docs/unseen-site.md for what the second is worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from iotids.flowmeter.columns.groups import CONTEXT, FLOW, features_of
from iotids.learning.baselines.classical import check_positive
from iotids.learning.baselines.site_trees import fit_on_draws
from iotids.learning.contract import Fitted, ModelKind, TrainingData
from iotids.learning.runs.onnx_model import OnnxModel


@dataclass(frozen=True)
class SiteForestsSettings:
    """Trees of each forest, from how many draws of flows they are, flows in a leaf of each, and flows of a draw that a class
    of a site is learnt from at most.
    """

    n_estimators: int = 100
    draws: int = 4
    context_leaf: int = 60
    both_leaf: int = 20
    per_cell: int = 250

    def __post_init__(self) -> None:
        """Refuse sizes below 1, and draws that do not give equally many trees."""
        check_positive(self, "n_estimators", "draws", "context_leaf", "both_leaf", "per_cell")
        if self.n_estimators % self.draws:
            raise ValueError(
                f"{self.n_estimators} trees are not equally many from each of {self.draws} draws"
            )


class SiteForestsKind(ModelKind):
    """A source is a site; a recording is a group."""

    name = "site_forests"
    settings_type: ClassVar[type] = SiteForestsSettings
    sees = (FLOW, CONTEXT)
    any_features = False
    trains_from_file = True

    def fit(self, data: TrainingData, settings: SiteForestsSettings, *, seed: int) -> Fitted:
        """Draw flows of every class of every site, weigh the cells alike, fit both.

        Raises
        ------
        ValueError
            Other columns than those of the flow and then those of its context.
        """
        from iotids.learning.baselines.two_forests import TwoForests

        of_flow, columns = len(features_of((FLOW,))), data.features.shape[1]
        if columns != len(features_of(self.sees)):
            raise ValueError(
                f"{columns} columns; site_forests wants the {of_flow} of the flow ({FLOW}) and then the "
                f"{len(features_of((CONTEXT,)))} of its context ({CONTEXT}): integrate.features must be [{FLOW}, {CONTEXT}]"
            )
        leaves = (settings.context_leaf, settings.both_leaf)
        forests = TwoForests(settings.n_estimators, leaves, of_flow, seed)
        seeds = range(seed, seed + settings.draws)
        return fit_on_draws(data, forests.fit, per_cell=settings.per_cell, seeds=seeds)

    def load(self, folder: Path) -> Fitted:
        """The ONNX form."""
        return OnnxModel.load(folder)
