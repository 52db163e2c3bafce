"""The stacked network against plain Keras and against itself: every fold ends where it would have ended
alone.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from iotids.learning.data.folds import Fold
from iotids.learning.networks.dense.dropout_masks import keep_mask, layer_keys
from iotids.learning.networks.dense.keras_network import (
    build_network,
    compile_as_paper,
    network_from_weights,
    paper_optimizer,
)
from iotids.learning.networks.dense.stacked import StackedNetworks
from iotids.learning.networks.dense.stacked_step import NetworkShape
from iotids.learning.networks.dense.training import TrainingPlan, epoch_batches, train_epochs

SHAPE = NetworkShape(
    n_features=7,
    n_classes=3,
    depth=2,
    width=16,
    dropout=0.0,
    learning_rate=0.1,
    momentum=0.09,
    decay=1e-6,
    nesterov=True,
    batch_size=32,
)
PLAN = TrainingPlan(epochs=3, batch_size=32, seed=5, patience=0)


@pytest.fixture(scope="module")
def problem() -> tuple[np.ndarray, np.ndarray]:
    """300 rows of three overlapping clouds, features of very different size as in flows."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    features = (rng.normal(size=(300, 7)) + truth[:, None]) * np.array([1, 10, 1e3, 1e6, 1, 1, 0.1]) + 5
    return features.astype(np.float32), truth.astype(np.int32)


def folds_of(sizes: list[int], n: int = 300) -> list[Fold]:
    """Folds with training parts of the given sizes; tested on the other rows."""
    rng = np.random.default_rng(1)
    orders = [rng.permutation(n) for _ in sizes]
    return [
        Fold(f, np.sort(order[:size]), np.sort(order[size:]))
        for f, (size, order) in enumerate(zip(sizes, orders, strict=True))
    ]


def trained(problem, folds, shape=SHAPE, plan=PLAN):  # type: ignore[no-untyped-def]
    """Stacked networks and their history after training."""
    networks = StackedNetworks(shape, len(folds))
    networks.start(seed=plan.seed, folds=[fold.number for fold in folds])
    history = [
        row
        for rows in train_epochs(networks, tf.constant(problem[0]), tf.constant(problem[1]), folds, plan)
        for row in rows
    ]
    return networks, history


def keras_twin(problem, folds, fold, shape=SHAPE, plan=PLAN, optimizer=None):  # type: ignore[no-untyped-def]
    """The same fold trained by Keras' own layers, loss, gradient and optimiser, batch by batch; with the
    stack's dropout masks.
    """
    networks = StackedNetworks(shape, len(folds))
    networks.start(seed=plan.seed, folds=[f.number for f in folds])
    model = network_from_weights(networks.weights_of(fold), dropout=shape.dropout)
    optimizer = optimizer or paper_optimizer(
        learning_rate=shape.learning_rate, momentum=shape.momentum, decay=shape.decay, nesterov=shape.nesterov
    )
    dense = [layer for layer in model.layers if layer.name.startswith("hidden")]
    iteration = 0
    for epoch in range(1, plan.epochs + 1):
        for batch in epoch_batches(folds, plan, epoch=epoch)[:, fold]:
            rows = batch[batch >= 0]
            if rows.size == 0:
                continue
            with tf.GradientTape() as tape:
                signal = model.get_layer("normalise")(problem[0][rows], training=True)
                for i, layer in enumerate(dense, start=1):
                    keys = layer_keys(networks._state.keys[fold : fold + 1], tf.constant([iteration]), i)
                    mask = keep_mask(keys, shape.batch_size, shape.width, shape.dropout)[0, : rows.size]
                    signal = layer(signal) * tf.cast(mask, tf.float32) / (1.0 - shape.dropout)
                output = model.get_layer("class")(signal)
                truth = tf.one_hot(problem[1][rows], shape.n_classes)
                loss = tf.reduce_mean(tf.keras.losses.categorical_crossentropy(truth, output))
            optimizer.apply_gradients(
                zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
            )
            iteration += 1
    return model


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_every_stacked_fold_ends_with_the_weights_of_keras_trained_on_its_batches(
    problem, dropout: float
) -> None:
    shape = dataclasses.replace(SHAPE, dropout=dropout)
    folds = folds_of(
        [200, 197, 90]
    )  # remainders of 8, 5 and 26 rows; the last fold runs out of batches early
    networks, _ = trained(problem, folds, shape)
    for fold in range(3):
        for ours, theirs in zip(
            networks.weights_of(fold), keras_twin(problem, folds, fold, shape).get_weights(), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


def test_keras_fit_on_one_batch_per_epoch_gives_the_same_weights(problem) -> None:
    shape = dataclasses.replace(SHAPE, batch_size=200)
    folds = folds_of([200, 200])
    plan = dataclasses.replace(PLAN, batch_size=200, epochs=5)
    networks, history = trained(problem, folds, shape, plan)
    start = StackedNetworks(shape, 2)
    start.start(seed=plan.seed, folds=[0, 1])
    model = network_from_weights(start.weights_of(1), dropout=0.0)
    compile_as_paper(model, learning_rate=0.1, momentum=0.09, decay=1e-6, nesterov=True)
    X, one_hot = problem[0], np.eye(3, dtype=np.float32)[problem[1]]
    rows, test = folds[1].train_rows, folds[1].test_rows
    told = model.fit(
        X[rows], one_hot[rows], batch_size=200, epochs=5, verbose=0, validation_data=(X[test], one_hot[test])
    ).history
    for ours, theirs in zip(networks.weights_of(1), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-4)
    mine = [row for row in history if row.fold == 1]
    for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(
            [getattr(row, name) for row in mine], told[name.removeprefix("train_")], rtol=1e-3
        )


def test_a_fold_learns_the_same_alone_and_in_a_stack(problem) -> None:
    shape = dataclasses.replace(SHAPE, dropout=0.2)
    folds = folds_of([200, 150, 90])
    together, _ = trained(problem, folds, shape)
    alone, _ = trained(problem, folds[1:2], shape)
    for a, b in zip(together.weights_of(1), alone.weights_of(0), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_unstacked_keras_models_predict_what_the_stack_predicts(problem) -> None:
    folds = folds_of([200, 150])
    networks, _ = trained(problem, folds)
    probabilities = networks.predict(tf.constant(problem[0]), [fold.test_rows for fold in folds])
    for k, fold in enumerate(folds):
        model = network_from_weights(networks.weights_of(k), dropout=0.0)
        np.testing.assert_allclose(
            probabilities[k], model.predict(problem[0][fold.test_rows], verbose=0), atol=2e-6
        )


def test_a_saved_model_opens_in_safe_mode_and_predicts_the_same(problem, tmp_path) -> None:
    import keras

    networks, _ = trained(problem, folds_of([200]))
    model = network_from_weights(networks.weights_of(0), dropout=0.2)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(again.predict(problem[0], verbose=0), model.predict(problem[0], verbose=0))


def test_same_seed_gives_bit_equal_predictions_and_another_seed_does_not(problem) -> None:
    shape = dataclasses.replace(SHAPE, dropout=0.2)
    folds = folds_of([200, 193])
    rows = [fold.test_rows for fold in folds]
    first, second = (
        trained(problem, folds, shape)[0].predict(tf.constant(problem[0]), rows) for _ in range(2)
    )
    other = trained(problem, folds, shape, dataclasses.replace(PLAN, seed=6))[0].predict(
        tf.constant(problem[0]), rows
    )
    for a, b, c in zip(first, second, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


def test_training_taken_up_from_a_state_gives_the_same_bits_as_training_in_one_go(problem) -> None:
    shape = dataclasses.replace(SHAPE, dropout=0.2)
    folds = folds_of([200, 150])
    whole, whole_history = trained(problem, folds, shape)
    half, half_history = trained(problem, folds, shape, dataclasses.replace(PLAN, epochs=1))
    resumed = StackedNetworks(shape, 2)
    resumed.restore(half.state())
    rest = train_epochs(resumed, tf.constant(problem[0]), tf.constant(problem[1]), folds, PLAN, half_history)
    assert half_history + [row for rows in rest for row in rows] == whole_history
    for name, value in whole.state().items():
        np.testing.assert_array_equal(value, resumed.state()[name])


def test_epoch_figures_are_means_over_rows_not_over_batches(problem) -> None:
    folds = folds_of([193])
    networks, _ = trained(problem, folds)
    X, y = tf.constant(problem[0]), tf.constant(problem[1])
    loss, accuracy = networks.evaluate(X, y, epoch_batches(folds, PLAN, epoch=1))
    probabilities = networks.predict(X, [folds[0].train_rows])[0]
    truth = problem[1][folds[0].train_rows]
    np.testing.assert_allclose(loss, -np.log(probabilities[np.arange(193), truth]).mean(), rtol=1e-4)
    assert accuracy[0] == pytest.approx((probabilities.argmax(1) == truth).mean())


def test_hand_computed_nesterov_updates(problem) -> None:
    """Two steps of v = m v - lr g; w += m v - lr g on the last bias, whose gradient is the mean of
    (probability - truth).
    """
    shape = dataclasses.replace(SHAPE, momentum=0.9, decay=0.5, batch_size=300)
    fold = Fold(0, np.arange(300), np.arange(300))
    networks = StackedNetworks(shape, 1)
    networks.start(seed=3, folds=[0])
    X, y = tf.constant(problem[0]), tf.constant(problem[1])
    bias = velocity = np.zeros(3)
    for update in range(2):
        rate = 0.1 / (1 + 0.5 * update)
        moving = [tf.constant(statistic[None]) for statistic in (problem[0].mean(0), problem[0].var(0))]
        networks._state = networks._state._replace(
            statistics=moving
        )  # prediction then normalises as training on the whole set does
        gradient = (networks.predict(X, [fold.test_rows])[0] - np.eye(3)[problem[1]]).mean(0)
        velocity = 0.9 * velocity - rate * gradient
        bias = bias + 0.9 * velocity - rate * gradient
        networks.train_epoch(X, y, epoch_batches([fold], TrainingPlan(2, 300, 0, 0), epoch=update + 1))
        np.testing.assert_allclose(networks.weights_of(0)[-1], bias, rtol=1e-4, atol=1e-6)


def test_fresh_weights_are_glorot_uniform() -> None:
    shape = dataclasses.replace(SHAPE, n_features=70, width=128)
    networks = StackedNetworks(shape, 2)
    networks.start(seed=0, folds=[0, 1])
    kernel = networks.weights_of(0)[4]
    limit = np.sqrt(6 / (70 + 128))
    assert kernel.min() >= -limit and kernel.max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    assert not np.array_equal(kernel, networks.weights_of(1)[4])
    assert [w.shape for w in networks.weights_of(0)] == [
        w.shape
        for w in build_network(n_features=70, n_classes=3, depth=2, width=128, dropout=0.2).get_weights()
    ]


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_adam_ends_with_the_weights_of_keras_adam(problem, dropout: float) -> None:
    shape = dataclasses.replace(SHAPE, dropout=dropout, optimiser="adam", learning_rate=0.01, decay=0.0)
    folds = folds_of([200, 90])
    networks, _ = trained(problem, folds, shape)
    for fold in range(2):
        twin = keras_twin(problem, folds, fold, shape, optimizer=tf.keras.optimizers.Adam(0.01))
        for ours, theirs in zip(networks.weights_of(fold), twin.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)


def test_networks_of_one_stack_may_differ_in_dropout_momentum_and_rate(problem) -> None:
    values = {"dropout": (0.0, 0.2), "momentum": (0.9, 0.09), "learning_rate": (0.1, 0.02)}
    folds = folds_of([200, 90])
    together, _ = trained(problem, folds, dataclasses.replace(SHAPE, **values))
    for k in range(2):
        own = {name: value[k] for name, value in values.items()}
        alone, _ = trained(problem, folds, dataclasses.replace(SHAPE, **own))
        for ours, theirs in zip(together.weights_of(k), alone.weights_of(k), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)
