"""Tables that were published with features of their own: which of their columns a model may see."""

from __future__ import annotations

from collections.abc import Iterable

from iotids.flowmeter.columns.schema import IDENTITY_NAMES, MODEL_FEATURE_NAMES, TRUTH

OWN = "own"  # in integrate.features: the table's own features, which stand in for those of a flow
PUBLISHED_LABELS = (
    "published_label",
    "published_sublabel",
)  # as the table has them; the stage label makes classes of them
_NEVER_SEEN = {*IDENTITY_NAMES, *(column.name for column in TRUTH), *PUBLISHED_LABELS}


def own_features(names: Iterable[str]) -> tuple[str, ...]:
    """Names of the features that a table has instead of those of a flow, in its order; none for a table of flows."""
    columns = list(names)
    if set(MODEL_FEATURE_NAMES) & set(columns):
        return ()
    return tuple(name for name in columns if name not in _NEVER_SEEN)
