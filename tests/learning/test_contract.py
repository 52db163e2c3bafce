"""Every kind of the registry keeps the same contract; a new kind is tested by being registered."""

import numpy as np
import pytest

from iotids.detecting.package.operators import check_operators
from iotids.learning.contract import SOURCE_ONLY, TrainingData, find_kind
from iotids.learning.registry import KINDS, check_packable
from iotids.learning.runs.onnx_model import OnnxModel
from tests.learning.generated_flows import flow_like_features

QUICK = {
    "conditional_vae": {"width": 32, "before_label": 32, "latent": 8, "epochs": 12, "batch_size": 64},
    "sparse_autoencoder": {"hidden": "32-16", "epochs": 8, "pretrain_epochs": 2, "batch_size": 64},
    "alert_net": {"shrink": 16, "layers": 2, "epochs": 8},
    "tap_delay": {"window": 3, "width": 16, "epochs": 8, "batch_size": 64},
    "host_recurrent": {"window": 3, "width": 16, "dense": 16, "epochs": 8, "batch_size": 64},
    "fog": {"nodes": 3, "hidden": "16-8", "epochs": 12, "batch_size": 32},
    "packet_network": {"width": 8, "dense": 16, "epochs": 6, "batch_size": 64},
    "hybrid": {"sequence": 8, "branch": 16, "joined": 16, "epochs": 5, "batch_size": 64},
    "kitsune": {"epochs": 2},
    "deep": {"depth": 4, "width": 16, "epochs": 8, "batch_size": 64, "residual": True},
    "dense": {"depth": 2, "width": 16, "epochs": 8, "batch_size": 64},
    "random_forest": {"n_estimators": 15},
    "extra_trees": {"n_estimators": 15},
    "hist_gradient_boosting": {"max_iter": 12},
    "recipe": {
        "depth": "2",
        "width": "16",
        "optimiser": "sgd 0.09|adam",
        "dropout": "0",
        "epochs": "4",
        "batch_size": "64",
    },
    "fewer_features": {"n_features": 15, "classifier": "decision_tree", "method": "anova_f"},
    "tuned_boosting": {"trials": 2, "inner_folds": 2, "searched_rows": 300},
    "boosted_vote": {"rounds": 3, "n_features": 20, "epochs": 5, "ranked_rows": 200},
    "site_trees": {"n_estimators": 30, "min_samples_leaf": 10},
    "site_forests": {"n_estimators": 16, "context_leaf": 10, "both_leaf": 10},
}
EXPORTS = [name for name, kind in KINDS.items() if kind.exports_onnx]


def flows(n=900, k=4, seed=0, classes=None):
    """Flows of `classes` (default: all k) with every value that flows have: microseconds, bytes, flags."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(classes if classes is not None else k, n)
    return TrainingData(
        flow_like_features(truth, seed=seed),
        truth.astype(np.int64),
        tuple(f"C{c}" for c in range(k)),
        "C0",
        start_us=np.sort(rng.integers(0, 10**9, n)),
        group=rng.integers(0, 5, n),
        source=rng.integers(0, 3, n),
        inputs=further_inputs(truth, rng),
    )


def further_inputs(truth, rng):
    """Hosts, and sequences of packets that are like their class."""
    n = truth.size
    packets = rng.integers(1, 33, n)
    there = np.arange(32) < packets[:, None]
    return {
        "src_ip": rng.integers(0, 20, n),
        "dst_ip": rng.integers(0, 20, n),
        "sequence_bytes": np.where(there, rng.integers(-200, 200, (n, 32)) + 100 * truth[:, None], 0),
        "sequence_iat_us": np.where(there, rng.integers(0, 10**6, (n, 32)), 0),
        "sequence_flags": np.where(there, rng.integers(0, 32, (n, 32)), 0),
    }


def for_kind(kind, data):
    """The data as the kind is given them."""
    features = data.source[:, None] if kind.sees == SOURCE_ONLY else data.features
    if len(kind.sees) > 1:  # as many columns as the groups together have
        features = features[:, np.arange(len(kind.feature_names)) % features.shape[1]]
    return TrainingData(
        **{**{name: getattr(data, name) for name in data.__dataclass_fields__}}
        | {"features": features.astype(kind.dtype)}
    )


def fitted(name, data, seed=5):
    kind = KINDS[name]
    return kind.fit(for_kind(kind, data), kind.settings(QUICK.get(name, {})), seed=seed)


def scored(name, model, data):
    return model.score_rows(for_kind(KINDS[name], data), np.arange(data.truth.size))


@pytest.fixture(scope="module")
def models():
    """Each kind fitted once on all classes, made when first asked for."""
    done = {}
    return lambda name: done.get(name) or done.setdefault(name, fitted(name, flows()))


@pytest.mark.parametrize("name", KINDS)
def test_scores_have_a_row_per_flow_and_a_column_per_class_and_sum_to_one(models, name):
    scores = scored(name, models(name), flows(seed=1))
    assert scores.shape == (900, 4) and scores.dtype == np.float64
    assert np.isfinite(scores).all() and (scores >= 0).all()
    assert scores.sum(axis=1) == pytest.approx(np.ones(900))


@pytest.mark.parametrize("name", KINDS)
def test_the_same_seed_gives_the_same_scores(models, name):
    again = fitted(name, flows())
    assert np.array_equal(scored(name, models(name), flows(seed=1)), scored(name, again, flows(seed=1)))


@pytest.mark.parametrize("name", KINDS)
def test_inputs_are_not_written_to(name):
    kind = KINDS[name]
    data = for_kind(kind, flows(n=300))
    before = data.features.copy(), data.truth.copy()
    for array in (data.features, data.truth, data.group, data.source, data.start_us):
        array.flags.writeable = False
    model = kind.fit(data, kind.settings(QUICK.get(name, {})), seed=0)
    model.score_rows(data, np.arange(300))
    assert np.array_equal(data.features, before[0]) and np.array_equal(data.truth, before[1])


@pytest.mark.parametrize("name", KINDS)
def test_a_class_missing_in_training_gets_next_to_no_score(name):
    model = fitted(name, flows(classes=[0, 2, 3]))
    # Weka's naive Bayes gives an unseen class its Laplace prior and a normal around 0, so it may win a row of zeros
    assert (scored(name, model, flows(seed=1)).argmax(axis=1) == 1).mean() < 0.01


@pytest.mark.parametrize("name", KINDS)
def test_one_class_alone_is_learned_as_such_or_refused_in_words(name):
    alone = flows(n=200, classes=[2])
    try:
        model = fitted(name, alone)
    except ValueError as error:
        assert "no training row of any class but C2" in str(error)
        return
    assert (scored(name, model, flows(seed=1)).argmax(axis=1) == 2).mean() > 0.99


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", KINDS)
def test_a_feature_that_is_no_number_is_refused_by_place(name, bad):
    kind = KINDS[name]
    data = for_kind(kind, flows(n=200))
    data.features[17, -1] = bad
    with pytest.raises(ValueError, match=r"of row 17 is (nan|inf)"):
        kind.fit(data, kind.settings(QUICK.get(name, {})), seed=0)


@pytest.mark.parametrize("name", KINDS)
def test_no_rows_are_refused(name):
    kind = KINDS[name]
    empty = for_kind(kind, flows(n=10)).take(np.zeros(0, int))
    with pytest.raises(ValueError, match="has no rows"):
        kind.fit(empty, kind.settings(QUICK.get(name, {})), seed=0)


@pytest.mark.parametrize("name", KINDS)
def test_what_is_saved_scores_the_same_when_loaded(models, name, tmp_path):
    models(name).save(tmp_path)
    assert not [path for path in tmp_path.iterdir() if b"sklearn" in path.read_bytes()[:4096]]
    again = KINDS[name].load(tmp_path)
    one, two = (scored(name, model, flows(seed=1)) for model in (models(name), again))
    assert np.abs(one - two).max() < 1e-5 and same_verdicts(one, two)


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_refused_when_loaded(models, name, tmp_path):
    models(name).save(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match="not "):
        KINDS[name].load(tmp_path)


@pytest.mark.parametrize("classes", [None, [0, 1], [1, 3], [0, 2, 3]], ids=str)
@pytest.mark.parametrize("name", EXPORTS)
def test_the_onnx_model_scores_as_the_model_does(name, classes):
    model = fitted(name, flows(classes=classes))
    data = flows(n=3000, seed=1)
    one = scored(name, model, data)
    two = OnnxModel(model.to_onnx()).scores(for_kind(KINDS[name], data).features.astype(np.float64))
    assert np.abs(one - two).max() < 1e-5 and same_verdicts(one, two)


@pytest.mark.parametrize("rows", [0, 1, 4096, 4097])
@pytest.mark.parametrize("name", EXPORTS)
def test_the_onnx_model_answers_any_number_of_rows(models, name, rows):
    n_features = for_kind(KINDS[name], flows(n=1)).features.shape[1]
    logits = OnnxModel(models(name).to_onnx()).logits(np.zeros((rows, n_features)))
    assert logits.shape == (rows, 4) and logits.dtype == np.float32 and np.isfinite(logits).all()


@pytest.mark.parametrize("name", EXPORTS)
def test_the_graphs_hold_only_operators_that_a_package_may_hold(models, name, tmp_path):
    for content in (models(name).to_onnx(), models(name).gradient_onnx()):
        if content is not None:
            (tmp_path / "graph.onnx").write_bytes(content)
            check_operators(tmp_path / "graph.onnx")


@pytest.mark.parametrize("name", EXPORTS)
def test_the_gradient_is_that_of_the_logits(models, name):
    if (content := models(name).gradient_onnx()) is None:
        return  # reasons come from occlusion
    import onnxruntime

    data = flows(n=60, seed=2)
    direction = np.tile(np.array([-1, 1, 0, 0], np.float32), (60, 1))
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    slope = session.run(["gradient"], {"features": data.features, "direction": direction})[0]
    logits = OnnxModel(models(name).to_onnx()).logits
    spread = data.features.std(axis=0)
    for j in np.flatnonzero(spread > 0)[:20]:
        step = 1e-3 * spread[j] * (np.arange(70) == j)
        moved = ((logits(data.features + step) - logits(data.features - step)) * direction).sum(axis=1)
        found, wanted = slope[:, j] * spread[j], moved / 2e-3
        # a kink of a ReLU within the step spoils a difference quotient, so all but a few rows must agree
        assert np.mean(np.abs(found - wanted) < 2e-2 * (1 + np.abs(wanted))) > 0.9


@pytest.mark.parametrize("name", [name for name in KINDS if name not in EXPORTS])
def test_a_kind_without_onnx_says_so_before_anything_is_fitted(models, name):
    with pytest.raises(ValueError, match=f"{name}.*no ONNX form.*these have: .*dense"):
        check_packable(name)
    with pytest.raises(NotImplementedError):
        models(name).to_onnx()


@pytest.mark.parametrize("name", KINDS)
def test_an_unknown_setting_is_refused_with_the_known_ones(name):
    with pytest.raises(KeyError, match=f"{name}: unknown setting tress"):
        KINDS[name].settings({"tress": 3})


@pytest.mark.parametrize("name", KINDS)
def test_a_setting_of_another_type_is_refused_by_name(name):
    for setting in KINDS[name].settings_type.__dataclass_fields__:
        with pytest.raises(ValueError, match=f"{setting} is"):
            KINDS[name].settings(QUICK.get(name, {}) | {setting: ["many"]})


@pytest.mark.parametrize("name", KINDS)
def test_the_fitted_model_tells_its_size_and_facts(models, name):
    import json

    assert models(name).model_bytes > 0
    json.dumps(models(name).facts(), allow_nan=False)


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(KeyError, match="'svm'; known are dense, .*hoeffding_tree, vfdt"):
        find_kind("svm", KINDS)


def same_verdicts(one, two):
    """Equal largest scores; rows whose two largest float32 scores are equal have no verdict of their own."""
    top = np.sort(one.astype(np.float32), axis=1)[:, -2:]
    clear = top[:, 1] - top[:, 0] > 1e-6
    return np.array_equal(one.argmax(axis=1)[clear], two.argmax(axis=1)[clear])
