"""The split protocols by name: one line each."""

from __future__ import annotations

from collections.abc import Callable

from iotids.learning.splits.flows import Flows
from iotids.learning.splits.folds import Split


def make_split(
    protocol: str, flows: Flows, *, n_folds: int, seed: int, embargo_s: float, attack_column: str
) -> Split:
    """Split the flows by one protocol; each takes of the settings what it needs.

    Raises
    ------
    ValueError
        An unknown protocol, fewer than 2 folds, no flows, or what the protocol itself refuses.
    """
    # imported here: scikit-learn takes a second, and `--help` and errors of parameters need none of it
    from iotids.learning.splits.grouped_folds import grouped_split
    from iotids.learning.splits.left_out_folds import attack_split, environment_split
    from iotids.learning.splits.shuffled_folds import dedup_split, dup_grouped_split, stratified_split
    from iotids.learning.splits.time_folds import temporal_split

    makers: dict[str, Callable[[], Split]] = {
        "stratified": lambda: stratified_split(flows, n_folds=n_folds, seed=seed),
        "dedup": lambda: dedup_split(flows, n_folds=n_folds, seed=seed),
        "dup_grouped": lambda: dup_grouped_split(flows, n_folds=n_folds, seed=seed),
        "grouped": lambda: grouped_split(flows, n_folds=n_folds, seed=seed, embargo_s=embargo_s),
        "temporal": lambda: temporal_split(flows, n_folds=n_folds, embargo_s=embargo_s),
        "environment": lambda: environment_split(flows),
        "attack": lambda: attack_split(flows, seed=seed, attack_column=attack_column),
    }
    if protocol not in makers:
        raise ValueError(f"split.protocols names {protocol!r}; known are {', '.join(makers)}")
    if n_folds < 2:
        raise ValueError(f"split.folds is {n_folds}; cross-validation wants at least 2")
    if flows.n == 0:
        raise ValueError(
            "the dataset has no flows; look at out/dataset/cleaning.json for what was removed and why"
        )
    return makers[protocol]()
