"""The mean of a stack's weights over its last epochs: where training happens to end decides less."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from iotids.learning.networks.dense.stacked import StackedNetworks

NAME = "average."


class LastEpochs:
    """Sums up the weights after each of the last `wanted` of `epochs` epochs; 1 leaves the last epoch's as they are.

    The batch normalisation stands before the first weight, so the mean of its statistics fits the mean weights.
    Source: Izmailov et al. 2018, stochastic weight averaging, at the rate that training has anyway.
    """

    def __init__(self, wanted: int, epochs: int) -> None:
        self.first = epochs - wanted + 1 if wanted > 1 else epochs + 1
        self.sums: list[np.ndarray] = []
        self.count = 0

    def add(self, networks: StackedNetworks, epoch: int) -> None:
        """Take up the weights after an epoch; those before the last ones are passed over."""
        if epoch < self.first:
            return
        values = [value.astype(np.float64) for value in networks.values()]
        self.sums = [s + v for s, v in zip(self.sums, values, strict=True)] if self.sums else values
        self.count += 1

    def settle(self, networks: StackedNetworks) -> None:
        """Give the networks the mean; nothing was added: leave them."""
        if self.count:
            networks.replace([(total / self.count).astype(np.float32) for total in self.sums])

    def state(self) -> dict[str, np.ndarray]:
        """For a checkpoint."""
        sums = {f"{NAME}{i}": total for i, total in enumerate(self.sums)}
        return sums | {f"{NAME}count": np.array(self.count)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take up a checkpoint."""
        self.count = int(state[f"{NAME}count"])
        n_sums = sum(name.startswith(NAME) for name in state) - 1
        self.sums = [state[f"{NAME}{i}"] for i in range(n_sums)]
