"""A network as plain arrays and one line of JSON, and the network again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from iotids.learning.networks.layers.activations import Activation
from iotids.learning.networks.layers.batch_norm import BatchNorm
from iotids.learning.networks.layers.chain import Branches, Chain, Residual
from iotids.learning.networks.layers.convolution import Convolution, LargestOverSteps
from iotids.learning.networks.layers.dense import Dense
from iotids.learning.networks.layers.dropout import Dropout
from iotids.learning.networks.layers.layer import Layer
from iotids.learning.networks.layers.recurrent import Gru, Lstm

KINDS = (Dense, Activation, Dropout, BatchNorm, Convolution, LargestOverSteps, Lstm, Gru)
LAYERS: dict[str, type[Layer]] = {kind.__name__: kind for kind in KINDS}
CHAINS: dict[str, type[Chain]] = {kind.__name__: kind for kind in (Chain, Residual, Branches)}


def layer_of_spec(spec: list[Any]) -> Layer:
    """The layer that `Layer.spec` describes, with values as before training."""
    name, arguments, *more = spec
    if name in CHAINS:
        return CHAINS[name]([layer_of_spec(one) for one in arguments], *more)
    return LAYERS[name](**arguments)


def network_arrays(network: Layer, prefix: str) -> dict[str, np.ndarray]:
    """All values, and the spec as JSON."""
    arrays = {f"{prefix}:{name}": value for name, value in network.arrays().items()}
    return {f"{prefix}.spec": np.array(json.dumps(network.spec())), **arrays}


def network_of_arrays(arrays: Mapping[str, np.ndarray], prefix: str) -> Any:
    """What `network_arrays` wrote; KeyError or ValueError where it is damaged."""
    network = layer_of_spec(json.loads(str(arrays[f"{prefix}.spec"])))
    mine = {k.removeprefix(f"{prefix}:"): a for k, a in arrays.items() if k.startswith(f"{prefix}:")}
    network.set_arrays(mine)
    return network
