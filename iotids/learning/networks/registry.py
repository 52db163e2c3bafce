"""The kinds of neural network by name: one line here, a file or folder beside it, and a model of it in conf/network."""

from __future__ import annotations

from iotids.learning.contract import ModelKind
from iotids.learning.networks.dense.kind import DenseKind
from iotids.learning.networks.recipe.kind import RecipeKind
from iotids.learning.networks.surveyed.alert_net import AlertNetKind
from iotids.learning.networks.surveyed.conditional_vae import ConditionalVaeKind
from iotids.learning.networks.surveyed.deep import DeepKind
from iotids.learning.networks.surveyed.fog.kind import FogKind
from iotids.learning.networks.surveyed.kitsune.kind import KitsuneKind
from iotids.learning.networks.surveyed.sequences.host_recurrent import HostRecurrentKind
from iotids.learning.networks.surveyed.sequences.hybrid import HybridKind
from iotids.learning.networks.surveyed.sequences.packet_network import PacketNetworkKind
from iotids.learning.networks.surveyed.sequences.tap_delay import TapDelayKind
from iotids.learning.networks.surveyed.sparse_autoencoder import SparseAutoencoderKind

SURVEYED: tuple[ModelKind, ...] = (
    ConditionalVaeKind(),
    SparseAutoencoderKind(),
    AlertNetKind(),
    DeepKind(),
    FogKind(),
    TapDelayKind(),
    HostRecurrentKind(),
    PacketNetworkKind(),
    HybridKind(),
    KitsuneKind(),
)
NETWORKS: dict[str, ModelKind] = {kind.name: kind for kind in (DenseKind(), RecipeKind(), *SURVEYED)}
