"""Forests in own machine code give onnxruntime's logits to the last bit, and what is no forest of our exporter stays with it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from iotids.detecting.package.inference import Model, _part_of_graph, _session, run_in_batches
from iotids.detecting.package.package import open_package
from iotids.detecting.trees import forest
from iotids.detecting.trees.ensemble import ensemble_of
from iotids.detecting.trees.graph import cut_graph
from iotids.detecting.trees.layout import laid_out
from iotids.detecting.trees.raw_thresholds import raw_thresholds
from iotids.learning.baselines.onnx.scikit import scikit_onnx

BOX = Path(__file__).resolve().parents[2] / "iotids" / "box" / "detector"
D = 9
MODELS = {
    "forest": RandomForestClassifier(40, random_state=1),
    "extra": ExtraTreesClassifier(30, min_samples_leaf=3, random_state=2),
    "tree": DecisionTreeClassifier(random_state=3),
    "boosting": HistGradientBoostingClassifier(max_iter=15, random_state=4),
}
ODD = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300, -1e300, 5e-324, 1.0, -1.0])


def signed_log(X):
    return np.sign(X) * np.log(np.abs(X) + 1)


def rows_of(rng, n):
    """Counts, times of nine decades, and shares."""
    return np.column_stack(
        [
            rng.integers(0, 50, (n, 3)),
            np.exp(rng.uniform(0, 20, (n, 3))) * rng.choice([-1, 1], (n, 3)),
            rng.random((n, 3)),
        ]
    ).astype(float)


def content_of(kind, scaling, classes, n=400):
    """A model file of a classifier."""
    rng = np.random.default_rng([len(kind), classes])
    X, y = rows_of(rng, n), rng.permutation(np.arange(n) % classes)
    steps = {
        "none": [],
        "standard": [StandardScaler()],
        "log": [FunctionTransformer(signed_log), StandardScaler()],
    }
    pipeline = make_pipeline(*steps[scaling], MODELS[kind]).fit(X, y)
    return scikit_onnx(pipeline, scaling, np.arange(classes), classes + (kind == "tree"))


def both(content, n_features=D):
    """The forest of a model file, and its logits by onnxruntime."""
    session = _session(content, threads=1)
    k = session.get_outputs()[0].shape[1]
    whole = lambda X: run_in_batches(session, {"features": X}, "logits", (k,))  # noqa: E731
    return forest.forest_of(content, n_features, whole=whole, opened=_part_of_graph), whole


def assert_same(own, whole, X):
    assert np.array_equal(own.logits(X), whole(X), equal_nan=True)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("scaling", ["none", "standard", "log"])
@pytest.mark.parametrize("kind", sorted(MODELS))
def test_logits_are_those_of_onnxruntime(kind, scaling, classes):
    own, whole = both(content_of(kind, scaling, classes))
    rng = np.random.default_rng(8)
    X = rows_of(rng, 3000)
    odd = rng.random(X.shape) < 0.1
    X[odd] = rng.choice(ODD, odd.sum())
    assert_same(own, whole, X)
    assert_same(own, whole, np.tile(ODD[:, None], D))


@pytest.mark.parametrize("scaling", ["none", "standard", "log"])
def test_thresholds_and_their_neighbours_go_the_same_way(scaling):
    content = content_of("forest", scaling, 3)
    own, whole = both(content)
    cut = cut_graph(content)
    trees = ensemble_of(cut.trees, D)
    inner = ~trees.is_leaf
    scale = _part_of_graph(cut.model_before(), cut.trees.inputs[0])
    limits = raw_thresholds(trees.feature[inner], trees.threshold[inner], D, scale)
    for values in (limits, np.nextafter(limits, np.inf), np.nextafter(limits, -np.inf)):
        X = np.zeros((limits.size, D))
        X[np.arange(limits.size), trees.feature[inner]] = values
        assert_same(own, whole, X)
        within = scale(X)[np.arange(limits.size), trees.feature[inner]] <= trees.threshold[inner]
        assert (within == (values <= limits)).all()


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 63, 64, 65, 4096, 4097])
def test_any_number_of_rows_is_answered(n):
    own, whole = both(content_of("extra", "log", 5))
    assert_same(own, whole, rows_of(np.random.default_rng(n), n))


def test_rows_may_lie_anywhere_in_memory():
    own, whole = both(content_of("extra", "log", 5))
    X = rows_of(np.random.default_rng(0), 200)
    assert_same(own, whole, np.asfortranarray(X))
    assert_same(own, whole, X[::-3])
    with pytest.raises(ValueError, match="9 columns"):
        own.logits(X[:, :-1])


def test_a_forest_adds_leaves_as_its_slow_twin():
    trees = ensemble_of(cut_graph(content_of("forest", "none", 5)).trees, D)
    X, layout = rows_of(np.random.default_rng(3), 70), laid_out(trees, trees.threshold[~trees.is_leaf])
    wanted = np.zeros((70, 5))
    for i, x in enumerate(X):
        for root in trees.roots:
            at = root
            while not trees.is_leaf[at]:
                at = trees.left[at] if x[trees.feature[at]] <= trees.threshold[at] else trees.right[at]
            wanted[i] += trees.weights[at]
    sums = np.zeros((70, 8))
    forest.add_leaves(X.reshape(-1), 70, D, layout, np.empty(forest.ROOM, np.uint64), sums.reshape(-1))
    assert (sums[:, :5] == wanted).all() and not sums[:, 5:].any()


def test_the_detector_in_the_box_is_such_a_forest():
    package = open_package(str(BOX))
    model = Model(package)
    X = np.array(package.reference["benign_median"]) * np.exp(
        np.random.default_rng(1).normal(0, 2, (3000, len(package.features)))
    )
    assert model._forest is not None
    own = model.logits(X)
    model._forest = None
    assert (own == model.logits(X)).all()


def damaged(content, change):
    """The model file with one attribute of its trees changed."""
    model = onnx.load_from_string(content)
    trees = next(node for node in model.graph.node if node.op_type == "TreeEnsembleRegressor")
    change({one.name: one for one in trees.attribute}, trees)
    return model.SerializeToString()


def first_inner(attributes):
    return list(attributes["nodes_modes"].strings).index(b"BRANCH_LEQ", 1)


def set_number(name, value):
    def change(attributes, _):
        attributes[name].ints[first_inner(attributes)] = value

    return change


def set_tensor(name, value):
    def change(attributes, _):
        values = numpy_helper.to_array(attributes[name].t).copy()
        values[first_inner(attributes)] = value
        attributes[name].t.CopyFrom(numpy_helper.from_array(values, attributes[name].t.name))

    return change


def set_text(name, value):
    def change(attributes, _):
        attributes[name].s = value

    return change


def set_mode(value):
    def change(attributes, _):
        attributes["nodes_modes"].strings[first_inner(attributes)] = value

    return change


def without(name):
    def change(attributes, trees):
        trees.attribute.remove(attributes[name])

    return change


def shorter(name):
    def change(attributes, _):
        del attributes[name].ints[-1]

    return change


CHANGES = {
    "a cycle": set_number("nodes_truenodeids", 0),
    "two parents": set_number("nodes_truenodeids", 3),
    "a child of nowhere": set_number("nodes_falsenodeids", 10_000_000),
    "a negative child": set_number("nodes_falsenodeids", -1),
    "a feature of nowhere": set_number("nodes_featureids", D),
    "a negative feature": set_number("nodes_featureids", -1),
    "another tree": set_number("nodes_treeids", 7),
    "nodes in another order": set_number("nodes_nodeids", 5),
    "missing values go left": set_number("nodes_missing_value_tracks_true", 1),
    "a leaf of nowhere": set_number("target_nodeids", 1 << 20),
    "a tree of nowhere": set_number("target_treeids", 1 << 20),
    "a target of nowhere": set_number("target_ids", 99),
    "a threshold that is no number": set_tensor("nodes_values_as_tensor", np.nan),
    "an infinite threshold": set_tensor("nodes_values_as_tensor", np.inf),
    "an infinite weight": set_tensor("target_weights_as_tensor", np.inf),
    "another comparison": set_mode(b"BRANCH_LT"),
    "a leaf within": set_mode(b"LEAF"),
    "the largest instead of the sum": set_text("aggregate_function", b"MAX"),
    "a transformation": set_text("post_transform", b"SOFTMAX"),
    "no offset": without("base_values_as_tensor"),
    "no children": without("nodes_truenodeids"),
    "no modes": without("nodes_modes"),
    "no number of targets": without("n_targets"),
    "a node too few": shorter("nodes_featureids"),
    "a weight too few": shorter("target_ids"),
}


@pytest.mark.parametrize("what", sorted(CHANGES))
def test_other_trees_stay_with_onnxruntime(what):
    content = damaged(content_of("forest", "log", 3), CHANGES[what])
    asked = []
    made = forest.forest_of(content, D, whole=asked.append, opened=lambda *a: asked.append(a))
    assert made is None and not asked


@pytest.mark.parametrize(
    "name, value", [("spread", -1.0), ("spread", 0.0), ("spread", np.nan), ("mean", np.inf), ("one", 2.0)]
)
def test_a_scaling_that_does_not_rise_stays_with_onnxruntime(name, value):
    model = onnx.load_from_string(content_of("forest", "log", 3))
    for constant in model.graph.initializer:
        if constant.name == name:
            constant.CopyFrom(
                numpy_helper.from_array(np.full_like(numpy_helper.to_array(constant), value), name)
            )
    assert forest.forest_of(model.SerializeToString(), D, whole=None, opened=None) is None


def test_other_steps_before_the_trees_stay_with_onnxruntime():
    model = onnx.load_from_string(content_of("forest", "standard", 3))
    model.graph.node.insert(0, helper.make_node("Neg", ["features"], ["negative"]))
    model.graph.node[1].input[0] = "negative"
    assert forest.forest_of(model.SerializeToString(), D, whole=None, opened=None) is None


def test_other_logits_than_onnxruntimes_are_noticed():
    content = content_of("forest", "standard", 3)
    own, whole = both(content)
    wrong = lambda X: whole(X) + np.float32(1e-6)  # noqa: E731
    assert own is not None
    assert forest.forest_of(content, D, whole=wrong, opened=_part_of_graph) is None


def test_trees_that_are_too_deep_or_too_many_stay_with_onnxruntime(monkeypatch):
    trees = ensemble_of(cut_graph(content_of("tree", "none", 5)).trees, D)
    chain = np.arange(201)
    deep = replace(
        trees,
        feature=np.zeros(201, int),
        threshold=np.zeros(201),
        left=np.where(chain % 2 == 0, np.minimum(chain + 1, 200), 0),
        right=np.where(chain % 2 == 0, np.minimum(chain + 2, 200), 0),
        is_leaf=(chain % 2 == 1) | (chain == 200),
        tree=np.zeros(201, int),
        roots=np.zeros(1, int),
        weights=np.zeros((201, 5)),
    )
    assert laid_out(deep, deep.threshold[~deep.is_leaf]) is None
    monkeypatch.setattr("iotids.detecting.trees.raw_thresholds.MOST_CELLS", 10)
    assert both(content_of("tree", "none", 5))[0] is None
    monkeypatch.setattr("iotids.detecting.trees.ensemble.MOST_NODES", 10)
    assert ensemble_of(cut_graph(content_of("tree", "none", 5)).trees, D) is None


@pytest.mark.parametrize("content", [b"", b"\x3a", b"\x3a\x05\x0a\x03\x22\x01\xff", b"\xff" * 40])
def test_damaged_files_are_no_forest(content):
    assert forest.forest_of(content, D, whole=None, opened=None) is None
