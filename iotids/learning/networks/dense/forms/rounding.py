"""Round a network's weights to eight bits so that its outputs, not its weights, change least.

Each weight goes to the nearest step of its neuron's grid; the weights of the same neuron that are still to be
rounded make up for the error, as far as their inputs go along with this weight's on real flows (Hassibi and
Stork 1993, optimal brain surgeon; Frantar et al. 2023, GPTQ). On the sample's five classes 0.05 % of the
verdicts change, with every weight at its nearest step 0.37 % (docs/detector.md).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from iotids.learning.networks.dense.chain import DenseChain

STEPS = 127  # on either side of zero, the largest weight of a neuron on the last of them
DAMPING = 0.01  # of the mean square input, added to every input's own: keeps inputs that hardly vary from carrying errors


def rounded_chain(chain: DenseChain, X: np.ndarray) -> DenseChain:
    """The chain with every kernel on an eight-bit grid per neuron; biases stay.

    Parameters
    ----------
    X : (n, d) float64
        Flows whose activations say which errors matter. Every layer is rounded for the inputs that the
        rounded layers before it give.
    """
    signal, kernels = chain.normalise(X), []
    for kernel, bias in zip(chain.kernels, chain.biases, strict=True):
        kernels.append(rounded_kernel(kernel, signal))
        signal = np.maximum(signal @ kernels[-1] + bias, 0.0)
    return replace(chain, kernels=tuple(kernels))


def rounded_kernel(kernel: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """(inputs, outputs) float32 kernel whose columns are whole multiples of a 127th of their largest weight.

    Parameters
    ----------
    kernel : (d, m) float
    inputs : (n, d) float
        What the layer is fed; inputs that are always 0 are allowed.
    """
    step = np.maximum(np.abs(kernel).max(axis=0), 1e-12).astype(np.float64) / STEPS
    order = np.argsort(
        -np.square(inputs).mean(axis=0, dtype=np.float64), kind="stable"
    )  # strong inputs first: the rest can correct them
    left = kernel[order].astype(np.float64)
    largest = np.abs(left).argmax(axis=0)
    pull = _pull(inputs[:, order].astype(np.float64))
    for i in range(len(left)):
        grid = np.clip(np.rint(left[i] / step), -STEPS, STEPS)
        grid = np.where(
            largest == i, np.copysign(STEPS, kernel[order[i]]), grid
        )  # pins the grid: whoever reads the kernel finds the same
        error = (left[i] - grid * step) / pull[i, i]
        left[i] = grid * step
        left[i + 1 :] -= np.outer(pull[i, i + 1 :], error)
    result = np.empty(kernel.shape, np.float32)
    result[order] = left
    return result


def _pull(inputs: np.ndarray) -> np.ndarray:
    """(d, d) upper triangle: row i says how much each later weight takes over of an error in weight i."""
    together = inputs.T @ inputs / len(inputs)
    together[np.diag_indices_from(together)] += DAMPING * np.trace(together) / len(together) + 1e-12
    return np.linalg.cholesky(np.linalg.inv(together)).T
