"""Groups of columns: what a model can see of a flow, and what the flow meter writes where it is wanted."""

from __future__ import annotations

from collections.abc import Iterable

from iotids.flowmeter.columns import context as of_context
from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES, SEQUENCE, Column

FLOW = "flow"
CONTEXT = "context"
GROUPS: dict[str, tuple[str, ...]] = {FLOW: MODEL_FEATURE_NAMES, CONTEXT: of_context.CONTEXT_NAMES}
OPTIONAL: dict[str, tuple[Column, ...]] = {
    "sequence": SEQUENCE,
    CONTEXT: of_context.CONTEXT,
}  # not metered by default

CARRIED = {
    name: columns for name, columns in OPTIONAL.items() if name not in GROUPS
}  # seen by kinds that ask for them


def features_of(groups: Iterable[str]) -> tuple[str, ...]:
    """Names of the columns of some groups, in the order of the groups.

    Raises
    ------
    ValueError
        No such group, or one twice.
    """
    chosen = list(groups)
    if unknown := [name for name in chosen if name not in GROUPS]:
        raise ValueError(
            f"unknown group of features {', '.join(unknown)}; known are {', '.join([*GROUPS, *CARRIED])}"
        )
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"a group of features is named twice: {', '.join(chosen)}")
    return tuple(name for group in chosen for name in GROUPS[group])


def split_groups(groups: Iterable[str]) -> tuple[tuple[str, ...], tuple[Column, ...]]:
    """Names of the numbers that models see, and the further columns, of some groups that a dataset keeps.

    Raises
    ------
    ValueError
        As `features_of`.
    """
    chosen = list(groups)
    carried = [column for group in chosen for column in CARRIED.get(group, ())]
    return features_of(group for group in chosen if group not in CARRIED), tuple(carried)
