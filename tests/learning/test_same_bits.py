"""Working by blocks and in place changes no bit: logarithms, scalings, and rows of mapped features."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from joblib import Parallel, delayed
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from iotids.learning.baselines.gaussian import fit_gaussian
from iotids.learning.baselines.registry import BASELINES
from iotids.learning.baselines.scaling import fit_scaling, scaling_steps
from iotids.learning.data.file_features import features_in_file
from iotids.learning.data.mapped_rows import rows_of
from iotids.learning.data.signed_log import BLOCK_ROWS, signed_log
from iotids.learning.data.training_data import feature_array
from iotids.learning.networks.dense.chain import network_inputs
from tests.learning.generated_flows import flow_like_features
from tests.learning.given import training_data

ROWS = 2 * BLOCK_ROWS + 5


@pytest.fixture(scope="module", name="X")
def features_of_flows():
    """Five classes over many decades, with negative values, zeros and a column that does not vary."""
    rng = np.random.default_rng(0)
    features = flow_like_features(rng.integers(0, 5, ROWS), seed=1)
    features[:, 0], features[::3, 1], features[::7, 2] = 3.0, -1.5e6, 0.0
    return features


def the_plain_formula(x):
    return np.sign(x) * np.log1p(np.abs(x))


def test_the_signed_logarithm_by_blocks_is_the_plain_formula(X):
    assert signed_log(X).tobytes() == the_plain_formula(X).tobytes()
    single = X.astype(np.float32)
    assert np.array_equal(
        network_inputs(single, "log"), the_plain_formula(single.astype(np.float64)).astype(np.float32)
    )
    copy = X.copy()
    assert signed_log(copy, out=copy) is copy and np.array_equal(copy, the_plain_formula(X))


@pytest.mark.parametrize("n_features", [1, 2, 3, 5, 70])
@pytest.mark.parametrize("scaling", ["none", "standard", "log"])
def test_a_scaling_in_place_is_the_pipeline_s_to_the_last_bit(X, scaling, n_features):
    X = np.ascontiguousarray(X[:, :n_features])
    pipeline = make_pipeline(*scaling_steps(scaling), "passthrough").fit(X)
    steps, scaled = fit_scaling(scaling, X.copy(), overwrite=True)
    assert scaled.tobytes() == pipeline.transform(X).tobytes()
    for mine, theirs in zip(steps, [step for _, step in pipeline.steps[:-1]], strict=True):
        for name, value in vars(theirs).items():
            assert np.array_equal(getattr(mine, name), value), name


@pytest.mark.parametrize("n_features", [1, 3, 70])
def test_gaussian_naive_bayes_by_columns_is_scikit_learn_s_to_the_last_bit(X, n_features):
    X, y = np.ascontiguousarray(X[:, :n_features]), np.arange(ROWS) % 5
    mine, theirs = GaussianNB(var_smoothing=1e-3), GaussianNB(var_smoothing=1e-3).fit(X, y)
    fit_gaussian(mine, X, y)
    assert vars(mine).keys() == vars(theirs).keys()
    for name, value in vars(theirs).items():
        assert np.array_equal(getattr(mine, name), value), name


@pytest.mark.parametrize("scaling", ["standard", "log"])
def test_features_that_others_read_are_left_alone(X, scaling):
    before = X.tobytes()
    _, scaled = fit_scaling(scaling, X)
    assert X.tobytes() == before and not np.shares_memory(scaled, X)


@pytest.mark.parametrize("name", ["decision_tree", "random_forest", "extra_trees", "gaussian_nb"])
def test_a_fit_in_its_own_type_and_memory_predicts_as_one_on_doubles(X, name):
    kind, truth = BASELINES[name], np.arange(3_000) % 5
    given = training_data(X[:3_000].astype(kind.dtype), truth, n_classes=5, dtype=kind.dtype)
    doubles = training_data(X[:3_000], truth, n_classes=5)
    settings = kind.settings(
        {"n_estimators": 5} if "n_estimators" in kind.settings_type.__annotations__ else {}
    )
    mine, plain = (
        kind.fit(data, settings, seed=3).scores(X[3_000:6_000])
        for data in (replace(given, features=given.features.copy(), spare=True), doubles)
    )
    assert mine.tobytes() == plain.tobytes()


def test_rows_of_a_mapped_matrix_are_its_rows_here_and_in_a_worker(tmp_path):
    matrix = np.random.default_rng(1).normal(size=(200_000, 2))
    table = pa.table({"a": matrix[:, 0], "b": matrix[:, 1]})
    mapped = features_in_file([table], ("a", "b"), 200_000, tmp_path, dtype=np.float64)
    rows = np.random.default_rng(2).permutation(200_000)[:150_000]
    assert np.array_equal(rows_of(mapped, rows), matrix[rows]) and type(rows_of(mapped, rows)) is np.ndarray
    (there,) = Parallel(n_jobs=2)(delayed(rows_of)(one, rows) for one in [mapped])
    assert np.array_equal(there, matrix[rows]) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["decision_tree", "random_forest", "extra_trees"])
def test_a_tree_in_float32_takes_what_it_took_in_float64(name):
    kind, column = BASELINES[name], np.array([1e20, -1.0])
    columns = [("rate", column)]
    assert feature_array(columns, shape=(2, 1), dtype=kind.dtype, limit=kind.limit)[0, 0] == np.float32(1e20)
    with pytest.raises(ValueError, match="feature rate of row 0 is 1e\\+20"):
        feature_array(columns, shape=(2, 1), dtype=np.float32)  # as networks
