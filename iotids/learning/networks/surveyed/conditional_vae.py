"""[14] Lopez-Martin et al. 2017: ID-CVAE, a variational auto-encoder whose label enters the decoder only.

A flow gets the class whose label lets the decoder give it back with the least error.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iotids.learning.contract import Fitted, ModelKind, Origin, TrainingData
from iotids.learning.networks.layers.chain import Chain
from iotids.learning.networks.layers.dense import Dense
from iotids.learning.networks.layers.kind import check_learnable, check_settings, dense_layers, seen_classes
from iotids.learning.networks.layers.optimisers import make_optimiser
from iotids.learning.networks.layers.scaling import fit_scaling
from iotids.learning.networks.layers.training import check_loss, shuffled_batches
from iotids.learning.networks.surveyed.conditional_vae_fitted import (
    ConditionalVae,
    bernoulli_error,
    sigmoid_of,
)


@dataclass(frozen=True)
class ConditionalVaeSettings:
    """Widths of the encoder's two layers, of the decoder before and after the label, of the latent space."""

    width: int = 500
    before_label: int = 495
    latent: int = 25
    mask_share: float = 0.0
    scaling: str = "log_minmax"
    epochs: int = 100
    batch_size: int = 512
    optimiser: str = "adadelta"
    learning_rate: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        check_settings(self, "width", "before_label", "latent", "epochs", "batch_size", "learning_rate")
        if not self.scaling.endswith("minmax"):
            raise ValueError(
                f"scaling is {self.scaling!r}; the loss wants values from 0 to 1: minmax or log_minmax"
            )
        if not 0 <= self.mask_share < 1:
            raise ValueError(f"mask_share is {self.mask_share}; it is a share of features, 0 to below 1")


class ConditionalVaeKind(ModelKind):
    """Lopez-Martin, Carro, Sanchez-Esguevillas, Lloret: Sensors 17(9):1967, 2017."""

    name = "conditional_vae"
    settings_type = ConditionalVaeSettings
    origin = Origin(
        "[14] Lopez-Martin et al. 2017, ID-CVAE",
        "80.10 % accuracy, five classes, NSL-KDD (from memory of the work; the paper quotes none)",
        faithful=(
            "the label enters the decoder only",
            "the class of least reconstruction error",
            "recovery of missing features by the same model",
        ),
        adapted=("70 flow features", "as many labels as the task has classes"),
        assumed=("width", "before_label", "latent", "scaling", "mask_share", "optimiser", "epochs"),
    )

    def fit(self, data: TrainingData, settings: ConditionalVaeSettings, *, seed: int) -> Fitted:
        """Reconstruction error and Kullback-Leibler distance to a unit normal; eq. 1 of the work.

        With `mask_share` a share of the encoder's inputs is replaced by the median, in every batch anew, so that
        recovery of missing features is trained for.

        Raises
        ------
        ValueError
            No rows, one class only, or a feature that is no number.
        FloatingPointError
            Training diverged.
        """
        from threadpoolctl import threadpool_limits

        check_learnable(data)
        with threadpool_limits(limits=1):
            return _trained(data, settings, np.random.default_rng(seed))

    def load(self, folder: Path) -> Fitted:
        """The values."""
        return ConditionalVae.load(folder)


def _trained(
    data: TrainingData, settings: ConditionalVaeSettings, rng: np.random.Generator
) -> ConditionalVae:
    """The three parts, trained together."""
    scaling = fit_scaling(settings.scaling, data.features)
    x, labels = scaling(data.features), np.eye(data.n_classes, dtype=np.float32)[data.truth]
    width, latent, d = settings.width, settings.latent, x.shape[1]
    encoder = Chain([*dense_layers([d, width, width], "relu"), Dense(n_in=width, n_out=2 * latent)])
    before = Chain(dense_layers([latent, settings.before_label], "relu"))
    joined = settings.before_label + data.n_classes
    after = Chain([*dense_layers([joined, width], "relu"), Dense(n_in=width, n_out=d)])
    every = Chain([encoder, before, after])
    every.start(rng)
    optimiser = make_optimiser(settings.optimiser, every, settings.learning_rate)
    median, losses = np.median(x, axis=0), []
    for epoch in range(settings.epochs):
        parts = []
        for rows in shuffled_batches(len(x), settings.batch_size, rng):
            given = x[rows]
            if settings.mask_share:
                given = np.where(rng.random(given.shape) < settings.mask_share, median, given)
            parts.append(_learn(encoder, before, after, x[rows], given, labels[rows], rng))
            optimiser.step()
        losses.append(check_loss(float(np.mean(parts)), epoch))
    facts = {"first_epoch_loss": losses[0], "last_epoch_loss": losses[-1]}
    return ConditionalVae(scaling, [encoder, before, after], seen_classes(data), median, facts)


def _learn(
    encoder: Chain,
    before: Chain,
    after: Chain,
    x: np.ndarray,
    given: np.ndarray,
    labels: np.ndarray,
    rng: np.random.Generator,
) -> float:
    """Loss of a batch, mean over rows; the slopes of all layers."""
    n = np.float32(len(x))
    mean, log_variance = np.split(encoder.forward(given, rng), 2, axis=1)
    log_variance = log_variance.clip(-15, 15)
    noise, spread = rng.standard_normal(mean.shape, np.float32), np.exp(log_variance / 2)
    hidden = before.forward(mean + spread * noise, rng)
    logits = after.forward(np.concatenate([hidden, labels], axis=1), rng)
    distance = 0.5 * (mean**2 + spread**2 - 1 - log_variance).sum()
    loss = (bernoulli_error(logits, x).sum() + distance) / n
    to_hidden = after.backward((sigmoid_of(logits) - x) / n)[:, : hidden.shape[1]]
    to_latent = before.backward(to_hidden)
    to_mean = to_latent + mean / n
    to_log_variance = to_latent * noise * spread / 2 + (spread**2 - 1) / (2 * n)
    encoder.backward(np.concatenate([to_mean, to_log_variance], axis=1).astype(np.float32))
    return float(loss)
