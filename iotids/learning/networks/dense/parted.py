"""Stacks of folds side by side: each thread trains its own share of the folds, so that training uses more cores.

Folds do not see each other, so a share of them ends where the whole stack would have ended, up to the rounding
of differently compiled loops. The number of parts is a setting and not the machine's number of cores: the same
number gives the same bits everywhere the loops compile alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from iotids.learning.networks.dense.stacked import StackedNetworks
from iotids.learning.networks.dense.stacked_step import NetworkShape


class PartedNetworks:
    """As StackedNetworks, with the folds divided into at most `parts` runs of nearly equal length."""

    def __init__(self, shape: NetworkShape, n_folds: int, *, parts: int) -> None:
        self.slices = [
            slice(int(p[0]), int(p[-1]) + 1) for p in np.array_split(range(n_folds), parts) if p.size
        ]
        self.stacks = [StackedNetworks(shape, part.stop - part.start) for part in self.slices]

    def start(self, *, seed: int, folds: Sequence[int]) -> None:
        """Fresh weights; they depend on the seed and the fold's number only."""
        for stack, part in zip(self.stacks, self.slices, strict=True):
            stack.start(seed=seed, folds=folds[part])

    def train_epoch(
        self, features: tf.Tensor, classes: tf.Tensor, batches: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """One pass over (S, K, batch_size) batches; (K,) mean losses and accuracies."""
        return self._joined(lambda stack, part: stack.train_epoch(features, classes, _own(batches, part)))

    def evaluate(
        self, features: tf.Tensor, classes: tf.Tensor, batches: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(K,) mean losses and accuracies; nothing is learned."""
        return self._joined(lambda stack, part: stack.evaluate(features, classes, _own(batches, part)))

    def predict(self, features: tf.Tensor, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Class probabilities, one (m_k, n_classes) float32 array per fold."""
        found = self._side_by_side(lambda stack, part: stack.predict(features, rows[part]))
        return [scores for mine in found for scores in mine]

    def weights_of(self, fold_position: int) -> list[np.ndarray]:
        """Weights of one network in Keras' order."""
        for stack, part in zip(self.stacks, self.slices, strict=True):
            if fold_position < part.stop:
                return stack.weights_of(fold_position - part.start)
        raise IndexError(f"fold {fold_position} of {self.slices[-1].stop}")

    def values(self) -> list[np.ndarray]:
        """As StackedNetworks has them, part after part."""
        return [value for stack in self.stacks for value in stack.values()]

    def replace(self, values: Sequence[np.ndarray]) -> None:
        """Put others in the place of `values`."""
        n = len(values) // len(self.stacks)
        for i, stack in enumerate(self.stacks):
            stack.replace(values[i * n : (i + 1) * n])

    def state(self) -> dict[str, np.ndarray]:
        """Everything learning needs to continue, by part and name."""
        return {f"{i}.{name}": v for i, stack in enumerate(self.stacks) for name, v in stack.state().items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take up a state of as many parts."""
        for i, stack in enumerate(self.stacks):
            mine = {name.removeprefix(f"{i}."): v for name, v in state.items() if name.startswith(f"{i}.")}
            stack.restore(mine)

    def _joined(self, work: Callable[[StackedNetworks, slice], Any]) -> tuple[np.ndarray, np.ndarray]:
        """Two figures per fold, from the parts in order."""
        first, second = zip(*self._side_by_side(work), strict=True)
        return np.concatenate(first), np.concatenate(second)

    def _side_by_side(self, work: Callable[[StackedNetworks, slice], Any]) -> list[Any]:
        """What the work gives for every part, a thread each; TensorFlow's loops leave Python's lock."""
        if len(self.stacks) == 1:
            return [work(self.stacks[0], self.slices[0])]
        with ThreadPoolExecutor(len(self.stacks)) as threads:
            return list(threads.map(work, self.stacks, self.slices))


def _own(batches: np.ndarray, part: slice) -> np.ndarray:
    """The batches of a part's folds, without the steps that are empty for all of them."""
    mine = batches[:, part]
    used = np.flatnonzero((mine >= 0).any(axis=(1, 2)))
    return np.ascontiguousarray(mine[: used[-1] + 1 if used.size else 1])
