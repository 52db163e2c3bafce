"""Epochs of batches: softmax with cross-entropy on what a network makes of its inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from iotids.learning.networks.layers.layer import Layer
from iotids.learning.networks.layers.optimisers import Optimiser


def shuffled_batches(n_rows: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Row numbers of one epoch, every row once; a last batch of one row joins the one before it."""
    order = rng.permutation(n_rows)
    starts = list(range(0, n_rows, size))
    if len(starts) > 1 and n_rows - starts[-1] == 1:  # batch normalisation has no variance of one row
        starts.pop()
    for start, end in zip(starts, [*starts[1:], n_rows], strict=True):
        yield order[start:end]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Rows that sum to 1."""
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def cross_entropy(logits: np.ndarray, truth: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean loss of a batch and its gradient by the logits."""
    shares, rows = softmax(logits), np.arange(truth.size)
    loss = float(-np.log(np.maximum(shares[rows, truth], 1e-12)).mean())
    shares[rows, truth] -= 1
    return loss, shares / np.float32(truth.size)


def train_classifier(
    network: Layer,
    x: Any,
    truth: np.ndarray,
    optimiser: Optimiser,
    *,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
) -> list[float]:
    """Train on float32 inputs, x[rows] of a batch; mean loss of every epoch.

    Raises
    ------
    FloatingPointError
        The loss is no number: training diverged.
    """
    losses = []
    for epoch in range(epochs):
        parts = []
        for rows in shuffled_batches(truth.size, batch_size, rng):
            loss, slope = cross_entropy(network.forward(x[rows], rng), truth[rows])
            network.backward(slope)
            optimiser.step()
            parts.append(loss)
        losses.append(check_loss(float(np.mean(parts)), epoch))
    return losses


def check_loss(loss: float, epoch: int) -> float:
    """Refuse a loss that is no number."""
    if not np.isfinite(loss):
        raise FloatingPointError(
            f"training diverged in epoch {epoch + 1}: the loss is {loss}; lower learning_rate"
        )
    return loss
