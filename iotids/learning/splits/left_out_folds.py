"""Folds that leave something out whole: one environment, or one kind of attack."""

from __future__ import annotations

import numpy as np

from iotids.learning.splits.flows import Flows
from iotids.learning.splits.folds import NEVER_TESTED, Split, all_but_own_fold
from iotids.learning.splits.shuffled_folds import grouped_folds


def environment_split(flows: Flows) -> Split:
    """One fold per source: test on its flows, train on all other sources.

    A class that only one source has cannot be tested across environments in the multi-class task; warnings
    name it. Its flows are still tested: in the binary task they are an attack never seen.

    Raises
    ------
    ValueError
        There is only one source.
    """
    names, test_fold = np.unique(flows.source, return_inverse=True)
    if names.size < 2:
        raise ValueError(
            f"split environment: all flows come from {names.tolist()}; leaving one out wants two or more in data.sources: "
            f"add another network, or take environment out: -S 'split.kinds=[stratified,grouped]'"
        )
    alone = {c: np.unique(flows.source[flows.label == c]) for c in flows.classes}
    warnings = [
        f"class {name} occurs only in {sources[0]}: it cannot be tested across environments"
        for name, sources in alone.items()
        if sources.size == 1
    ]
    notes = {
        "classes_in_one_source_only": {
            name: str(sources[0]) for name, sources in alone.items() if sources.size == 1
        }
    }
    test_fold = test_fold.astype(np.int16)
    return Split(
        "environment",
        test_fold,
        all_but_own_fold(test_fold, names.size),
        tuple(names.tolist()),
        tuple(warnings),
        notes,
    )


def attack_split(flows: Flows, *, seed: int, attack_column: str) -> Split:
    """One fold per attack: test on all its flows and a share of the benign ones, train on all other attacks
    and benign flows.

    For the binary task: does a detector raise an alarm at an attack it has never seen. The benign flows are
    dealt out by group, so the false alarms are those of unseen benign recordings where there are enough of
    them.

    Parameters
    ----------
    attack_column : 'label' or 'sublabel'
        What one attack is. Attacks with an empty sublabel are named by their label.

    Raises
    ------
    ValueError
        No benign flow, fewer than two attacks, or another column.
    """
    attack = _attack_names(flows, attack_column)
    benign = flows.label == flows.benign
    names = np.unique(attack[~benign])
    if names.size < 2 or not benign.any():
        raise ValueError(
            f"split attack: {names.size} kinds of attack by {attack_column} ({', '.join(names)}) and {int(benign.sum())} flows of "
            f"{flows.benign}; leaving one attack out wants at least two attacks and benign flows"
        )
    test_fold = np.full(flows.n, NEVER_TESTED, np.int16)
    test_fold[~benign] = np.searchsorted(names, attack[~benign])
    test_fold[benign], warnings = _benign_shares(flows, benign, n_folds=names.size, seed=seed)
    return Split(
        "attack",
        test_fold,
        all_but_own_fold(test_fold, names.size),
        tuple(names.tolist()),
        tuple(warnings),
        {"attack_column": attack_column},
    )


def _attack_names(flows: Flows, attack_column: str) -> np.ndarray:
    """(n,) name of each flow's attack."""
    if attack_column == "label":
        return flows.label
    if attack_column == "sublabel":
        return np.where(flows.sublabel == "", flows.label, flows.sublabel)
    raise ValueError(f"split.attack_column is {attack_column!r}; known are label and sublabel")


def _benign_shares(
    flows: Flows, benign: np.ndarray, *, n_folds: int, seed: int
) -> tuple[np.ndarray, list[str]]:
    """Fold of every benign flow and a warning: whole groups, or runs in order of group and time where groups
    are too few.
    """
    rows = np.flatnonzero(benign)
    group_number = np.unique(flows.group[rows], return_inverse=True)[1]
    n_groups = int(group_number.max()) + 1
    if n_groups >= n_folds:
        return grouped_folds(np.zeros(rows.size, np.int64), group_number, n_folds=n_folds, seed=seed), []
    folds = np.empty(rows.size, np.int16)
    folds[np.lexsort((rows, flows.start_us[rows], group_number))] = (
        np.arange(rows.size) * n_folds // rows.size
    )
    return folds, [
        f"{flows.benign} has {n_groups} groups for {n_folds} attacks: its flows are cut into runs in order of group and time, so the "
        f"false alarms of some folds are those of a recording that was partly trained on"
    ]
