"""A trained dense network as plain arrays: one scaling of the inputs, then layers with ReLU between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from iotids.learning.data.signed_log import signed_log

BN_EPSILON = 1e-3  # Keras' default; keras_network.py uses it
BLOCK_ROWS = 16_384
INPUTS = ("raw", "log")


@dataclass(frozen=True)
class DenseChain:
    """A trained network: inputs are (x - mean) * scale + offset, then dense layers with ReLU between, then
    logits.

    inputs : raw, or log: x is the features' signed logarithm.
    mean, scale, offset : (d,) float64. kernels[i] : (inputs, outputs) float32; biases[i] : (outputs,)
        float32.
    """

    mean: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    kernels: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    inputs: str = "raw"

    def normalise(self, X: np.ndarray) -> np.ndarray:
        """(n, d) float64 features as the first dense layer sees them, float32."""
        X = signed_log(X) if self.inputs == "log" else X
        return ((X - self.mean) * self.scale + self.offset).astype(np.float32)

    def logits(self, X: np.ndarray) -> np.ndarray:
        """(n, k) float32 logits of (n, d) features, a block of rows at a time."""
        parts = [np.zeros((0, self.biases[-1].size), np.float32)]
        for start in range(0, len(X), BLOCK_ROWS):
            signal = self.normalise(X[start : start + BLOCK_ROWS].astype(np.float64))
            for kernel, bias in zip(self.kernels[:-1], self.biases[:-1], strict=True):
                signal = np.maximum(signal @ kernel + bias, 0.0)
            parts.append(signal @ self.kernels[-1] + self.biases[-1])
        return np.concatenate(parts)


def network_inputs(features: np.ndarray, inputs: str) -> np.ndarray:
    """(n, d) float32 features as a network's batch normalisation sees them; `inputs` as in DenseChain."""
    if inputs == "log":
        return signed_log(features, out=np.empty(features.shape, np.float32))
    return np.asarray(features, np.float32)


def chain_from_weights(weights: Sequence[np.ndarray], inputs: str = "raw") -> DenseChain:
    """The chain of a network's weights in Keras' order: gamma, beta, moving mean, moving variance, then
    kernel and bias per layer.
    """
    gamma, beta, mean, variance = (np.asarray(w, np.float64) for w in weights[:4])
    kernels, biases = weights[4::2], weights[5::2]
    return DenseChain(
        mean,
        gamma / np.sqrt(variance + BN_EPSILON),
        beta,
        tuple(np.asarray(k, np.float32) for k in kernels),
        tuple(np.asarray(b, np.float32) for b in biases),
        inputs,
    )
