"""What a model can see of a flow, by group: the 70 features of the paper, and the flow's context."""

from __future__ import annotations

from collections.abc import Iterable

from iotids.flowmeter.context.columns import CONTEXT_NAMES
from iotids.flowmeter.schema import MODEL_FEATURE_NAMES

FLOW = "flow"
CONTEXT = "context"
GROUPS: dict[str, tuple[str, ...]] = {FLOW: MODEL_FEATURE_NAMES, CONTEXT: CONTEXT_NAMES}


def features_of(groups: Iterable[str]) -> tuple[str, ...]:
    """Names of the columns of some groups, in the order of the groups.

    Raises
    ------
    ValueError
        No such group, or one twice.
    """
    chosen = list(groups)
    if unknown := [name for name in chosen if name not in GROUPS]:
        raise ValueError(f"unknown group of features {', '.join(unknown)}; known are {', '.join(GROUPS)}")
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"a group of features is named twice: {', '.join(chosen)}")
    return tuple(name for group in chosen for name in GROUPS[group])
