"""Every kind of model by name, networks and baselines alike: for whoever packs, checks or compares them."""

from __future__ import annotations

from iotids.learning.baselines.registry import BASELINES
from iotids.learning.contract import ModelKind, find_kind
from iotids.learning.networks.registry import NETWORKS

KINDS: dict[str, ModelKind] = {**NETWORKS, **BASELINES}


def check_packable(name: str) -> ModelKind:
    """The kind of this name, if what it fits has an ONNX form.

    Raises
    ------
    KeyError
        No such kind.
    ValueError
        It has none; the message lists the kinds that have.
    """
    kind = find_kind(name, KINDS)
    if not kind.exports_onnx:
        packable = ", ".join(name for name, other in KINDS.items() if other.exports_onnx)
        raise ValueError(
            f"kind of model {name!r} has no ONNX form, so it cannot be packed; these have: {packable}"
        )
    return kind
