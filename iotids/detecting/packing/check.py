"""Check, before anything is trained, that the configurations to be packed are of kinds that can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iotids.detecting.packing.packing import kind_to_pack

STAGES = ("network", "baseline")


def check_configurations(params: Mapping[str, Any]) -> None:
    """Refuse `final.configurations` of which no package can be made.

    Parameters
    ----------
    params : mapping
        Content of params.yaml.

    Raises
    ------
    KeyError, ValueError
        An unknown stage or kind, or a kind without an ONNX form; the message names those that have one.
    """
    for one in params["final"]["configurations"]:
        if one["stage"] not in STAGES:
            raise ValueError(
                f"final.configurations: stage {one['stage']!r} of {one['run']}; known are {', '.join(STAGES)}"
            )
        model = one["run"].split("-", 1)[-1]
        given = params[one["stage"]]["settings"].get(model) or {}
        kind_to_pack(given.get("kind", model))
