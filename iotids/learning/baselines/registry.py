"""The baselines by name: one line here and one in conf/baseline/ make a model part of the experiment.

Heavy libraries are imported when a model is made, so that naming a model costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from iotids.learning.contract import Classifier


@dataclass(frozen=True)
class Model:
    """How to make a baseline, what it sees, and whether the order of rows changes it."""

    make: Callable[..., Classifier]
    sees: str = "features"  # or "source": the number of the flow's network, and nothing else
    by_order: bool = False  # streaming models: fitted again with several orders
    prequential: bool = False  # also run once in order of time, test then train


def _hoeffding_tree(**settings: Any) -> Classifier:
    from iotids.learning.baselines.streaming import HoeffdingTree

    return HoeffdingTree(**settings)


def _vfdt(**settings: Any) -> Classifier:
    from iotids.learning.baselines.vfdt import Vfdt

    return Vfdt(**settings)


def _naive_bayes(**settings: Any) -> Classifier:
    from iotids.learning.baselines.weka_bayes import WekaNaiveBayes

    return WekaNaiveBayes(**settings)


def _simple(name: str) -> Callable[..., Classifier]:
    def make(**settings: Any) -> Classifier:
        from iotids.learning.baselines import simple

        return getattr(simple, name)(**settings)

    return make


def _classical(name: str) -> Callable[..., Classifier]:
    def make(**settings: Any) -> Classifier:
        from iotids.learning.baselines import classical

        return getattr(classical, name)(**settings)

    return make


MODELS: dict[str, Model] = {
    "hoeffding_tree": Model(_hoeffding_tree, by_order=True),
    "vfdt": Model(_vfdt, by_order=True, prequential=True),
    "naive_bayes": Model(_naive_bayes),
    "majority": Model(_simple("Majority")),
    "dataset_oracle": Model(_simple("DatasetOracle"), sees="source"),
    "best_single_feature": Model(_simple("BestSingleFeature")),
    "logistic_regression": Model(_classical("logistic_regression")),
    "decision_tree": Model(_classical("decision_tree")),
    "random_forest": Model(_classical("random_forest")),
    "extra_trees": Model(_classical("extra_trees")),
    "hist_gradient_boosting": Model(_classical("hist_gradient_boosting")),
    "nearest_neighbour": Model(_classical("NearestNeighbour")),
    "gaussian_nb": Model(_classical("gaussian_nb")),
}


def find_model(name: str) -> Model:
    """The model of this name.

    Raises
    ------
    KeyError
        No such model; the message lists the known ones.
    """
    if name not in MODELS:
        raise KeyError(f"model {name!r}; known are {', '.join(MODELS)}")
    return MODELS[name]
