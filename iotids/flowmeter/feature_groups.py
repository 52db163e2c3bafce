"""Groups of columns: what a model can see of a flow, and what the flow meter writes where it is wanted."""

from __future__ import annotations

from collections.abc import Iterable

from iotids.flowmeter.context import columns as of_context
from iotids.flowmeter.schema import MODEL_FEATURE_NAMES, SEQUENCE, Column

FLOW = "flow"
CONTEXT = "context"
GROUPS: dict[str, tuple[str, ...]] = {FLOW: MODEL_FEATURE_NAMES, CONTEXT: of_context.CONTEXT_NAMES}
OPTIONAL: dict[str, tuple[Column, ...]] = {
    "sequence": SEQUENCE,
    CONTEXT: of_context.CONTEXT,
}  # not metered by default


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
