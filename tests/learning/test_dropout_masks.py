"""Dropout masks: the right share, no pattern between folds, steps, layers and neurons, and the same mask
whenever it is asked for.
"""

import numpy as np
import pytest
import tensorflow as tf

from iotids.learning.networks.dense.dropout_masks import fold_keys, keep_mask, layer_keys

ROWS, WIDTH = 512, 128


def mask(*, seed=3, folds=(0, 1), step=0, layer=1, rate=0.2):
    keys = layer_keys(tf.constant(fold_keys(seed, list(folds))), tf.constant([step] * len(folds)), layer)
    return keep_mask(keys, ROWS, WIDTH, rate).numpy()


def agreement(a, b):
    """Share of equal decisions; 0.8² + 0.2² = 0.68 for independent masks."""
    return (a == b).mean()


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5])
def test_a_neuron_is_off_as_often_as_asked(rate):
    off = 1 - mask(rate=rate).mean()
    assert off == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / (2 * ROWS * WIDTH)))


def test_every_row_and_every_neuron_is_off_as_often_as_chance_has_it():
    drawn = np.stack([mask(step=s)[0] for s in range(20)])
    by_neuron, by_row = 1 - drawn.mean(axis=(0, 1)), 1 - drawn.mean(axis=(0, 2))
    assert by_neuron.std() == pytest.approx(np.sqrt(0.16 / (20 * ROWS)), rel=0.3)
    assert by_row.std() == pytest.approx(np.sqrt(0.16 / (20 * WIDTH)), rel=0.3)


@pytest.mark.parametrize("other", [{"step": 1}, {"step": 1000}, {"layer": 2}, {"seed": 4}])
def test_masks_of_other_steps_layers_and_seeds_are_independent(other):
    assert agreement(mask(), mask(**other)) == pytest.approx(0.68, abs=0.01)


def test_masks_of_folds_are_independent():
    both = mask()
    assert agreement(both[0], both[1]) == pytest.approx(0.68, abs=0.01)


@pytest.mark.parametrize("shift", [1, 2, 127, 128])
def test_neighbouring_neurons_and_rows_are_independent(shift):
    flat = mask()[0].ravel()
    assert agreement(flat[:-shift], flat[shift:]) == pytest.approx(0.68, abs=0.01)


def test_a_fold_draws_the_same_mask_alone_and_beside_others():
    np.testing.assert_array_equal(mask(folds=(0, 1, 2))[2], mask(folds=(2,))[0])
