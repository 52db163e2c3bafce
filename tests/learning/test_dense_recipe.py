"""The dense network by other recipes than the paper's: Adam, logarithms of the inputs, several seeds."""

import numpy as np
import pytest

from iotids.learning.contract import RunContext
from iotids.learning.data.folds import Fold
from iotids.learning.networks.dense.fitted import DenseModel
from iotids.learning.networks.dense.kind import DenseKind, DenseSettings
from iotids.learning.runs.onnx_model import OnnxModel
from tests.learning.generated_flows import gaussian_problem
from tests.learning.given import training_data

SENSIBLE = {
    "depth": 2,
    "width": 8,
    "epochs": 4,
    "batch_size": 32,
    "optimiser": "adam",
    "inputs": "log",
    "dropout": 0.0,
    "learning_rate": 0.01,
}


class Kept:
    """A store in memory."""

    def __init__(self) -> None:
        self.arrays: dict = {}

    def save(self, name, arrays):
        self.arrays[name] = arrays

    def load(self, name):
        return self.arrays.get(name)


class Broken(Kept):
    """One that breaks off after so many states."""

    def __init__(self, after=None) -> None:
        super().__init__()
        self.after = after

    def save(self, name, arrays):
        super().save(name, arrays)
        if self.after is not None:
            self.after -= 1
            if self.after == 0:
                raise InterruptedError(name)


def problem():
    """300 flows of features that span decades, in two folds."""
    X, y, _ = gaussian_problem(n=300, seed=3, distance=3.0)
    X = np.sign(X) * np.expm1(3 * np.abs(X))
    rows = np.arange(300)
    folds = [Fold(k, rows[rows % 2 != k], rows[rows % 2 == k]) for k in (0, 1)]
    return training_data(X, y, n_classes=2, dtype=np.float32), {"stratified": folds}


def run(orders, store=None, **changed):
    data, splits = problem()
    settings = DenseSettings(**SENSIBLE | changed)
    context = RunContext(store or Kept())
    return DenseKind().fit_folds(data, splits, settings, seed=7, orders=orders, context=context)


def test_saved_keras_and_onnx_forms_take_the_logarithm_themselves(tmp_path):
    import keras

    data, _ = problem()
    model = DenseKind().fit(data, DenseSettings(**SENSIBLE), seed=1)
    model.save(tmp_path)
    scores = model.scores(data.features)
    np.testing.assert_array_equal(DenseModel.load(tmp_path).scores(data.features), scores)
    logits = OnnxModel(model.to_onnx()).logits(data.features.astype(np.float64))
    np.testing.assert_allclose(logits, model.chain.logits(data.features), atol=1e-4)
    network = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(network.predict(data.features, verbose=0), scores, atol=1e-4)


def test_further_seeds_leave_the_first_as_it_is_and_are_taken_up_again():
    one, store = run(1), Kept()
    three = run(3, store)
    assert [(r.order, r.fold) for r in three.results] == [(o, f) for o in range(3) for f in range(2)]
    for first, again in zip(one.results, three.results[:2], strict=True):
        np.testing.assert_array_equal(first.scores, again.scores)
    assert not np.array_equal(three.results[0].scores, three.results[2].scores)
    assert one.history == three.history
    marked = {name: dict(arrays) for name, arrays in store.arrays.items() if not name.endswith(".state")}
    assert sorted(marked) == ["0.0", "1.0", "2.0"]
    store.arrays["2.0"]["scores_0"] = np.zeros_like(marked["2.0"]["scores_0"])
    assert (run(3, store).results[4].scores == 0).all()


def test_the_mean_of_the_last_epochs_is_that_of_their_weights():
    data, _ = problem()
    ends = [
        DenseKind().fit(data, DenseSettings(**SENSIBLE | {"epochs": n}), seed=7).weights for n in (2, 3, 4)
    ]
    mean = DenseKind().fit(data, DenseSettings(**SENSIBLE, average_epochs=3), seed=7).weights
    for got, *parts in zip(mean, *ends, strict=True):
        np.testing.assert_allclose(got, np.mean(parts, axis=0), atol=1e-6)
    plain, averaged = run(1), run(1, average_epochs=3)
    assert averaged.history == plain.history
    assert not np.array_equal(averaged.results[0].scores, plain.results[0].scores)


def test_a_mean_over_epochs_is_taken_up_again_with_the_weights(monkeypatch):
    whole, store = run(1, Broken(), average_epochs=3), Broken(after=3)
    monkeypatch.setattr("iotids.learning.networks.dense.trainer.SAVE_EVERY_S", 0.0)
    with pytest.raises(InterruptedError):
        run(1, store, average_epochs=3)
    store.after = None
    again = run(1, store, average_epochs=3)
    for first, second in zip(whole.results, again.results, strict=True):
        np.testing.assert_array_equal(first.scores, second.scores)


@pytest.mark.parametrize("changed", [{"average_epochs": 5}, {"average_epochs": 2, "patience": 1}])
def test_a_mean_over_more_epochs_than_there_are_is_refused(changed):
    with pytest.raises(ValueError, match="network.average_epochs is .* at most epochs"):
        DenseSettings(**SENSIBLE | changed)


@pytest.mark.parametrize(("key", "value"), [("optimiser", "rmsprop"), ("inputs", "sqrt")])
def test_an_unknown_word_is_refused_with_the_known_ones(key, value):
    with pytest.raises(ValueError, match=f"{key} is '{value}'; known are"):
        DenseSettings(**SENSIBLE | {key: value})


def test_a_stored_network_with_unknown_inputs_is_refused(tmp_path):
    data, _ = problem()
    model = DenseKind().fit(data, DenseSettings(**SENSIBLE), seed=1)
    np.savez(
        tmp_path / "model.npz",
        dropout=np.array(0.0),
        inputs=np.array("sqrt"),
        **{f"weights_{i}": w for i, w in enumerate(model.weights)},
    )
    with pytest.raises(ValueError, match="not the weights of a network.*sqrt"):
        DenseModel.load(tmp_path)
