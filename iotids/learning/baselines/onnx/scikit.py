"""A fitted scikit-learn classifier behind its scaling as an ONNX model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from iotids.learning.baselines.onnx.trees import (
    boosted_tree,
    ensemble,
    float32_rounded,
    scikit_tree,
    zero_beside,
)
from iotids.learning.runs.onnx_graph import (
    ML_OPSET,
    OPSET,
    Part,
    cast,
    constant,
    log_of_scores,
    log_of_shares,
    model_bytes,
    node,
    signed_log_nodes,
    spread_classes,
)


def scikit_onnx(pipeline: Any, scaling: str, seen: np.ndarray, n_classes: int) -> bytes:
    """The model of a pipeline of the steps of a scaling and a classifier.

    Parameters
    ----------
    scaling : 'none', 'standard' or 'log'
    seen : class numbers of the classifier's columns
    """
    classifier, n_features = pipeline[-1], pipeline.n_features_in_
    write = WRITERS.get(type(classifier).__name__, _by_converter)
    parts = [*_scaling_parts(pipeline, scaling), *write(classifier), spread_classes(seen, n_classes)]
    return model_bytes(parts, n_features=n_features, n_classes=n_classes)


def _scaling_parts(pipeline: Any, scaling: str) -> list[Part]:
    """From `features` to `scaled`, in float64."""
    if scaling == "none":
        return [Part([node("Identity", ["features"], "scaled")], [])]
    nodes, values, source = [], [], "features"
    if scaling == "log":
        nodes = signed_log_nodes()
        values, source = [constant("one", np.array(1.0))], "signed_log"
    scaler = pipeline[-2]
    nodes += [node("Sub", [source, "mean"], "centred"), node("Div", ["centred", "spread"], "scaled")]
    values += [constant("mean", scaler.mean_), constant("spread", scaler.scale_)]
    return [Part(nodes, values)]


def _forest(forest: Any) -> list[Part]:
    """Mean of the trees' class shares."""
    share = 1.0 / len(forest.estimators_)
    return _trees([scikit_tree(tree.tree_, share=share) for tree in forest.estimators_])


def _two_forests(forests: Any) -> list[Part]:
    """Mean of both forests' mean class shares, as one ensemble."""
    trees = [scikit_tree(tree.tree_, share=1 / len(forests.estimators_)) for tree in forests.estimators_]
    half = len(trees) // 2
    last = [tree._replace(feature=tree.feature + forests.first_column) for tree in trees[:half]]
    return _trees([*last, *trees[half:]])


def _tree(tree: Any) -> list[Part]:
    """The class shares of the leaf."""
    return _trees([scikit_tree(tree.tree_)])


def _trees(trees: list) -> list[Part]:
    """Sum of leaf shares of `scaled`, as `log_shares`."""
    offset = np.zeros(trees[0].weights.shape[1])
    return [
        float32_rounded("scaled", "rounded"),
        ensemble(trees, "rounded", "shares", offset=offset),
        log_of_shares("shares"),
    ]


def _boosting(model: Any) -> list[Part]:
    """Sum of leaf values; with two classes there is one column, the log-odds of the second."""
    n_targets = len(model._predictors[0])
    trees = [
        boosted_tree(predictor.nodes, target=target, n_targets=n_targets)
        for round_ in model._predictors
        for target, predictor in enumerate(round_)
    ]
    offset = np.ravel(model._baseline_prediction)
    summed = "one_score" if n_targets == 1 else "scores"
    parts = [ensemble(trees, "scaled", summed, offset=offset)]
    if n_targets == 1:
        parts.append(zero_beside("one_score", "scores"))
    return [*parts, log_of_scores("scores")]


def _linear(model: Any) -> list[Part]:
    """Logits are linear in the scaled features."""
    weights, offset = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:
        weights = np.column_stack([np.zeros(len(weights)), weights])
        offset = np.concatenate([[0.0], offset])
    nodes = [node("MatMul", ["scaled", "weights"], "products"), node("Add", ["products", "offset"], "scores")]
    return [Part(nodes, [constant("weights", weights), constant("offset", offset)]), log_of_scores("scores")]


def _gaussian_nb(model: Any) -> list[Part]:
    """Log prior plus the log density of a normal per class and feature."""
    spread = -0.5 / model.var_
    offset = np.log(model.class_prior_) - 0.5 * np.log(2.0 * np.pi * model.var_).sum(axis=1)
    nodes = [
        node("Unsqueeze", ["scaled", "class_axis"], "per_class"),
        node("Sub", ["per_class", "class_means"], "distance"),
        node("Mul", ["distance", "distance"], "squared"),
        node("Mul", ["squared", "class_spreads"], "log_densities"),
        node("ReduceSum", ["log_densities", "feature_axis"], "log_density", keepdims=0),
        node("Add", ["log_density", "log_priors"], "scores"),
    ]
    values = [
        constant("class_axis", np.array([1], np.int64)),
        constant("feature_axis", np.array([2], np.int64)),
        constant("class_means", model.theta_),
        constant("class_spreads", spread),
        constant("log_priors", offset),
    ]
    return [Part(nodes, values), log_of_scores("scores")]


def _by_converter(model: Any) -> list[Part]:
    """Any other classifier that skl2onnx converts: in float64 where that gives a graph that runs, else in float32.

    Raises
    ------
    NotImplementedError
        skl2onnx does not know it, or its graph does not run.
    """
    from onnx import compose
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    forms = ((np.float64, DoubleTensorType), (np.float32, FloatTensorType))
    made = ((dtype, _converted(model, kind)) for dtype, kind in forms)
    found = next(((dtype, converted) for dtype, converted in made if _runs(converted)), None)
    if found is None:
        raise NotImplementedError(f"what skl2onnx makes of {type(model).__name__} does not run")
    dtype, converted = found
    graph = compose.add_prefix(converted, "inner_").graph
    nodes = [cast("scaled", graph.input[0].name, dtype), *graph.node]
    opsets = tuple((entry.domain, entry.version) for entry in converted.opset_import)
    return [Part(nodes, list(graph.initializer), opsets), log_of_shares(graph.output[1].name)]


def _converted(model: Any, input_type: type) -> Any:
    """The classifier by skl2onnx."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

    try:
        return convert_sklearn(
            model,
            initial_types=[("input", input_type([None, model.n_features_in_]))],
            options={id(model): {"zipmap": False}},
            target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
        )
    except (MissingConverter, MissingShapeCalculator) as error:
        raise NotImplementedError(f"skl2onnx converts no {type(model).__name__}: {error}") from error


def _runs(converted: Any) -> bool:
    """Whether onnxruntime opens the graph; some converters mix float32 and float64."""
    from iotids.learning.runs.onnx_model import OnnxModel

    try:
        OnnxModel(converted.SerializeToString()).session.get_inputs()
    except ValueError:
        return False
    return True


WRITERS: dict[str, Callable[[Any], list[Part]]] = {
    "RandomForestClassifier": _forest,
    "ExtraTreesClassifier": _forest,
    "TwoForests": _two_forests,
    "DecisionTreeClassifier": _tree,
    "HistGradientBoostingClassifier": _boosting,
    "LogisticRegression": _linear,
    "LinearDiscriminantAnalysis": _linear,  # skl2onnx gives other shares for two classes
    "GaussianNB": _gaussian_nb,
}
