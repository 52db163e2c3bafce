"""Fit, doubtful, unfit: by undecided and unfamiliar flows, the same for batches of any size."""

import numpy as np
import pytest

from iotids.detecting.judging.fitness import FitnessCounter


def fitness(*, undecided=0, unfamiliar=0, of=1000, step=1000):
    log_odds = np.where(np.arange(of) < undecided, 0.1, -3.0)
    away = np.where(np.arange(of) < unfamiliar, 0.7, 0.2)
    counter = FitnessCounter()
    for start in range(0, of, step):
        counter.add(log_odds[start : start + step], away[start : start + step])
    return counter.result()


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({}, "fit"),
        ({"undecided": 80, "unfamiliar": 50}, "fit"),
        ({"undecided": 81}, "doubtful"),
        ({"unfamiliar": 51}, "doubtful"),
        ({"undecided": 201}, "unfit"),
        ({"unfamiliar": 151}, "unfit"),
        ({"undecided": 99, "of": 99}, "too few flows"),
    ],
)
def test_the_verdict_is_that_of_the_worse_share(counts, verdict):
    assert fitness(**counts).verdict == verdict


def test_batches_of_any_size_give_the_same_shares():
    assert fitness(undecided=100, unfamiliar=30, step=7) == fitness(undecided=100, unfamiliar=30)


def test_flows_that_cannot_be_computed_are_unfamiliar():
    counter = FitnessCounter()
    counter.add(np.full(200, np.nan), np.full(200, np.nan))
    assert (counter.result().undecided_share, counter.result().unfamiliar_share) == (0.0, 1.0)


def test_the_sentence_says_why():
    assert fitness(undecided=300).in_words() == (
        "this model is unfit for this network: 30.0% of 1,000 flows are undecided, 0.0% far from all training flows"
    )
