"""ID-CVAE gives back a feature that follows from the others, keeps what is there, and refuses a mask that leaves nothing."""

import numpy as np
import pytest

from tests.learning.given import fitted

QUICK = {"width": 64, "before_label": 64, "latent": 8, "epochs": 40, "batch_size": 64, "scaling": "minmax"}


def flows(n, seed):
    """Twelve features of two classes, all of them functions of two hidden numbers; the last also of the class."""
    rng = np.random.default_rng(seed)
    y, hidden = rng.integers(0, 2, n), rng.normal(size=(n, 2))
    angles = np.arange(12) * np.pi / 6
    X = 1 / (1 + np.exp(-3 * (hidden @ np.vstack([np.cos(angles), np.sin(angles)]))))
    X[:, 11] = 0.7 * X[:, 11] + 0.3 * y
    return X, y


@pytest.fixture(scope="module")
def model():
    X, y = flows(3000, seed=1)
    return fitted("conditional_vae", X, y, n_classes=2, mask_share=0.2, **QUICK)


def error(model, missing, **more):
    """Mean absolute error of the last feature, and what the median would give."""
    X, y = flows(1000, seed=2)
    damaged = X.copy()
    damaged[:, missing] = -1e9
    got = model.recover(damaged, missing, truth=y, **more)
    assert np.array_equal(got[:, ~missing], X[:, ~missing])
    return np.abs(got - X)[:, 11].mean(), np.abs(np.median(X[:, 11]) - X[:, 11]).mean()


def test_a_feature_that_follows_from_the_others_is_recovered(model):
    ours, by_median = error(model, np.arange(12) == 11)
    assert ours < 0.35 * by_median


def test_more_missing_features_are_recovered_worse_but_not_worse_than_by_the_median(model):
    one, _ = error(model, np.arange(12) == 11)
    more, by_median = error(model, np.isin(np.arange(12), [0, 4, 5, 6, 11]))
    assert one < more < by_median


def test_the_label_moves_what_is_recovered(model):
    X, _ = flows(500, seed=3)
    missing = np.arange(12) == 11
    low, high = (model.recover(X, missing, truth=np.full(500, k))[:, 11].mean() for k in (0, 1))
    assert high - low == pytest.approx(0.3, abs=0.1)


def test_a_mask_that_leaves_nothing_is_refused_by_row(model):
    X, _ = flows(5, seed=4)
    missing = np.zeros((5, 12), bool)
    missing[3] = True
    with pytest.raises(ValueError, match="no feature of row 3"):
        model.recover(X, missing)


def test_a_scaling_outside_zero_to_one_is_refused():
    X, y = flows(50, seed=5)
    with pytest.raises(ValueError, match="scaling is 'standard'.*minmax"):
        fitted("conditional_vae", X, y, n_classes=2, **QUICK | {"scaling": "standard"})
