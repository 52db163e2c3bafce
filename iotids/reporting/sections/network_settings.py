"""With which settings each network was trained: a line for those that share them all but the depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iotids.learning.scores.names import model_title
from iotids.learning.scores.runs.run_scores import RunScores

NOT_LEARNING = ("depth", "seed", "orders", "parts")
SOURCES = "For DL4 to DL7 width, batch and epochs are assumptions (the paper does not say); the other values are the paper's unless they were changed."


def network_settings_markdown(results: Mapping[tuple[str, str], RunScores]) -> str:
    """A list of settings with the networks that have them; empty without networks."""
    models: dict[str, list[str]] = {}
    for (_, model), run in results.items():
        if run.stage == "network":
            names = models.setdefault(settings_in_words(run.params), [])
            names += [model_title(model)] if model_title(model) not in names else []
    lines = [f"* {', '.join(names)}: {settings}" for settings, names in models.items()]
    return "\n".join(["Networks:\n", *lines, "", SOURCES, ""]) if lines else ""


def settings_in_words(params: Mapping[str, Any]) -> str:
    """`width 64, batch size 256, …`; what does not apply to the optimiser is left out."""
    left_out = {*NOT_LEARNING, *(("momentum", "nesterov") if params.get("optimiser") == "adam" else ())}
    return ", ".join(
        f"{name.replace('_', ' ')} {format_value(value)}"
        for name, value in params.items()
        if name not in left_out
    )


def format_value(value: Any) -> str:
    """Numbers as people write them, yes and no for switches."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
