"""The kinds of neural network by name: one line here, a file or folder beside it, and a model of it in conf/network."""

from __future__ import annotations

from iotids.learning.contract import ModelKind
from iotids.learning.networks.dense.kind import DenseKind

NETWORKS: dict[str, ModelKind] = {kind.name: kind for kind in (DenseKind(),)}
