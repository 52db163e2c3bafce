"""The systems of Section III learn what can be learned, nothing from shuffled labels, and what is special of each shows."""

import numpy as np
import pytest

from iotids.learning.networks.registry import NETWORKS, SURVEYED
from iotids.learning.scores.scores import score_predictions
from tests.learning.generated_flows import gaussian_problem
from tests.learning.given import fitted, fitted_scores

QUICK = {
    "conditional_vae": {"width": 64, "before_label": 64, "latent": 8, "epochs": 30, "batch_size": 64},
    "sparse_autoencoder": {"hidden": "16-8", "epochs": 12, "pretrain_epochs": 3, "batch_size": 64},
    "alert_net": {"shrink": 32, "layers": 3, "epochs": 8},
    "fog": {"nodes": 4, "hidden": "16-8", "epochs": 20, "batch_size": 64},
    "deep": {"depth": 4, "width": 16, "epochs": 20, "residual": True, "start": "he"},
}
NAMES = [kind.name for kind in SURVEYED if not kind.inputs]


@pytest.mark.parametrize("name", NAMES)
def test_a_known_problem_is_solved_near_bayes(name):
    X, y, bayes = gaussian_problem(n=3000, seed=1)
    X_test, y_test, _ = gaussian_problem(n=6000, seed=2)
    scores = fitted_scores(name, X, y, X_test, n_classes=2, **QUICK[name])
    assert bayes - 0.04 < (scores.argmax(axis=1) == y_test).mean() < bayes + 0.015


@pytest.mark.parametrize("name", NAMES)
def test_shuffled_labels_score_like_chance(name):
    X, y, _ = gaussian_problem(n=4000, seed=3)
    X_test, y_test, _ = gaussian_problem(n=3000, seed=4)
    shuffled = np.random.default_rng(0).permutation(y)
    scores = fitted_scores(name, X, shuffled, X_test, n_classes=2, **QUICK[name])
    got = score_predictions(y_test, scores, ("BENIGN", "ATTACK"))
    assert 0.36 < got["balanced_accuracy"] < 0.64


@pytest.mark.parametrize("name", NAMES)
def test_what_is_faithful_adapted_and_assumed_is_said(name):
    origin = NETWORKS[name].origin
    assert origin.work and origin.faithful and origin.adapted
    settings = set(NETWORKS[name].settings_type.__dataclass_fields__)
    assert {text.split(" ")[0] for text in origin.assumed} <= settings


def test_layer_wise_training_makes_every_layer_give_back_its_input():
    X, y, _ = gaussian_problem(n=1000, seed=5, n_features=10)
    X[:, 5:] = X[:, :5]  # five numbers are enough to give back ten
    more = {"hidden": "8-6", "batch_size": 32, "activation": "leaky_relu", "sparsity_weight": 0.0}
    facts = fitted(
        "sparse_autoencoder", X, y, n_classes=2, epochs=1, pretrain_epochs=40, scaling="standard", **more
    ).facts()
    first, second = facts["reconstruction_loss_by_layer"]
    assert first < 0.25 and second < 1.0  # giving back the mean loses 1


def test_the_penalty_makes_neurons_silent():
    X, y, _ = gaussian_problem(n=1000, seed=6, n_features=10)
    means = []
    for weight in (0.0, 3.0):
        more = {"activation": "sigmoid", "sparsity_weight": weight, "hidden": "12-6", "epochs": 1}
        model = fitted(
            "sparse_autoencoder",
            X,
            y,
            n_classes=2,
            pretrain_epochs=30,
            learning_rate=1e-2,
            batch_size=64,
            **more,
        )
        layers, x = model.network.layers, model.scaling(X)
        means.append(layers[1].forward(layers[0].forward(x)).mean())
    assert means[1] < 0.15 < means[0]


@pytest.mark.parametrize("settings", [{"depth": 16}, {"depth": 16, "residual": True, "start": "he"}])
def test_sixteen_layers_start_with_the_signal_alive_only_by_residual_connections(settings):
    X, y, _ = gaussian_problem(n=1500, seed=7)
    more = {"epochs": 6, "width": 32, "dropout": 0.0, "batch_size": 64}
    scores = fitted_scores("deep", X, y, X, n_classes=2, **settings, **more)
    accuracy = (scores.argmax(axis=1) == y).mean()
    assert (accuracy > 0.7) == settings.get("residual", False)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sparse_autoencoder", {"hidden": "256-x"}, "hidden is '256-x'"),
        ("sparse_autoencoder", {"sparsity": 1.0}, "sparsity is 1.0"),
        ("sparse_autoencoder", {"activation": "swish"}, "activation is 'swish'; known are sigmoid"),
        ("alert_net", {"layers": 6}, "layers is 6; the work has 1 to 5"),
        ("alert_net", {"shrink": 129}, "shrink is 129"),
        ("deep", {"depth": 0}, "depth is 0"),
        ("deep", {"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(name, settings, message):
    with pytest.raises(ValueError, match=message):
        NETWORKS[name].settings(settings)
