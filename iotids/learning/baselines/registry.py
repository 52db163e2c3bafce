"""The baselines by name: one line here, or in classical.py for scikit-learn, and the name in conf/baseline.

Heavy libraries are imported when a model is fitted, so that naming one costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from iotids.learning.baselines.array_model import ArrayKind, ArrayModel
from iotids.learning.baselines.classical import SCIKIT_KINDS
from iotids.learning.baselines.hoeffding.kinds import HoeffdingSettings, VfdtKind
from iotids.learning.baselines.simple import DatasetOracle, Majority
from iotids.learning.baselines.single_feature import SingleFeatureKind
from iotids.learning.baselines.site_forests import SiteForestsKind
from iotids.learning.baselines.site_trees import SiteTreesKind
from iotids.learning.baselines.surveyed.boosted_vote import BoostedVoteKind
from iotids.learning.baselines.surveyed.fewer_features import FewerFeaturesKind
from iotids.learning.baselines.surveyed.tuned_boosting import TunedBoostingKind
from iotids.learning.contract import SOURCE_ONLY, ModelKind


@dataclass(frozen=True)
class NeighbourSettings:
    """Training rows beyond this are left out: the search is quadratic."""

    max_rows: int = 50_000


def _hoeffding_tree() -> type[ArrayModel]:
    from iotids.learning.baselines.hoeffding.river_tree import HoeffdingTree

    return HoeffdingTree


def _naive_bayes() -> type[ArrayModel]:
    from iotids.learning.baselines.weka_bayes import WekaNaiveBayes

    return WekaNaiveBayes


def _nearest_neighbour() -> type[ArrayModel]:
    from iotids.learning.baselines.nearest_neighbour import NearestNeighbour

    return NearestNeighbour


OWN_KINDS = (
    ArrayKind("hoeffding_tree", _hoeffding_tree, HoeffdingSettings, by_order=True),
    VfdtKind(),
    ArrayKind("naive_bayes", _naive_bayes),
    ArrayKind("majority", lambda: Majority, exports_onnx=True),
    ArrayKind("dataset_oracle", lambda: DatasetOracle, sees=SOURCE_ONLY),
    SingleFeatureKind(),
    SiteTreesKind(),
    SiteForestsKind(),
    BoostedVoteKind(),
    FewerFeaturesKind(),
    TunedBoostingKind(),
    ArrayKind("nearest_neighbour", _nearest_neighbour, NeighbourSettings),
)
BASELINES: dict[str, ModelKind] = {kind.name: kind for kind in (*OWN_KINDS, *SCIKIT_KINDS)}
