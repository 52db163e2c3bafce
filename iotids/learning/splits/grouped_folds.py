"""Folds that keep a recording round together, so that no capture lends its quirks to both sides.

A class that lives in a single group could be tested or trained, never both. Its group is then cut into time
blocks, one per fold, with an embargo around each tested block; the split's warnings name the class and the
group. See docs/evaluation.md.
"""

from __future__ import annotations

import numpy as np

from iotids.learning.splits.flows import Flows
from iotids.learning.splits.folds import Split, all_but_own_fold, check_class_sizes
from iotids.learning.splits.shuffled_folds import grouped_folds, number_names

MIN_GROUPS = 2  # one to train on, one to test on


def grouped_split(flows: Flows, *, n_folds: int, seed: int, embargo_s: float) -> Split:
    """Cut the flows into k folds with every group whole and every class spread as evenly as that allows.

    Raises
    ------
    ValueError
        A class has fewer flows than folds.
    """
    check_class_sizes(flows.class_number, flows.classes, n_folds=n_folds, split="grouped")
    units, warnings, cut = cut_lonely_groups(flows, n_folds=n_folds)
    test_fold = grouped_folds(flows.class_number, units, n_folds=n_folds, seed=seed)
    train_folds = all_but_own_fold(test_fold, n_folds)
    embargoed = 0
    for rows in cut.values():
        embargoed += _embargo_blocks(
            flows, rows, test_fold, train_folds, embargo_us=int(embargo_s * 1e6), n_folds=n_folds
        )
    notes = {
        "groups": int(np.unique(flows.group).size),
        "cut_groups": sorted(cut),
        "embargo_s": embargo_s,
        "embargoed_pairs_of_flow_and_fold": embargoed,
        "groups_per_class": groups_per_class(flows),
    }
    warnings += _thin_classes(flows, test_fold, n_folds)
    return Split("grouped", test_fold, train_folds, number_names(n_folds), tuple(warnings), notes)


def groups_per_class(flows: Flows) -> dict[str, int]:
    """Number of groups in which each class occurs."""
    return {name: int(np.unique(flows.group[flows.label == name]).size) for name in flows.classes}


def cut_lonely_groups(flows: Flows, *, n_folds: int) -> tuple[np.ndarray, list[str], dict[str, np.ndarray]]:
    """Give every flow its indivisible unit: its group, or a time block of it where a class has no second
    group.

    Returns
    -------
    units : (n,) int64
    warnings : one sentence per class that needed it
    cut : rows of every group that was cut, in time order, by group name
    """
    names, units = np.unique(flows.group, return_inverse=True)
    units, n_units = units.astype(np.int64), names.size
    warnings: list[str] = []
    cut: dict[str, np.ndarray] = {}
    # rarest class first: where two classes share a lonely group, the blocks follow the one that is harder to
    # spread
    for name in sorted(flows.classes, key=lambda name: (int((flows.label == name).sum()), name)):
        groups = np.unique(flows.group[flows.label == name])
        if groups.size >= MIN_GROUPS:
            continue
        group = str(groups[0])
        warnings.append(
            f"class {name} occurs in one group only ({group}), so it cannot be kept whole and still be trained and tested: "
            f"the group is cut into {n_folds} time blocks instead; figures of {name} are from one recording"
        )
        if group in cut:
            continue
        rows = np.flatnonzero(flows.group == group)
        rows = rows[np.lexsort((rows, flows.start_us[rows]))]
        units[rows] = n_units + _block_of(flows.label[rows] == name, n_folds)
        n_units += n_folds
        cut[group] = rows
    return units, warnings, cut


def _block_of(of_class: np.ndarray, n_blocks: int) -> np.ndarray:
    """Block number of rows in time order such that every block holds an equal share of the rows of the class."""
    share = np.cumsum(of_class) - of_class
    return np.minimum(share * n_blocks // max(int(of_class.sum()), 1), n_blocks - 1)


def _embargo_blocks(
    flows: Flows,
    rows: np.ndarray,
    test_fold: np.ndarray,
    train_folds: np.ndarray,
    *,
    embargo_us: int,
    n_folds: int,
) -> int:
    """Take flows of a cut group that touch a tested block's time, give or take the embargo, out of that
    fold's training.

    Writes into `train_folds` and gives the number of (flow, fold) pairs taken out.
    """
    removed = 0
    for fold in range(n_folds):
        start_us, end_us = flows.start_us[rows], flows.end_us[rows]
        tested = test_fold[rows] == fold
        near = np.zeros(rows.size, bool)
        for first, last in _runs(tested):
            near |= (start_us <= start_us[last] + embargo_us) & (end_us >= start_us[first] - embargo_us)
        near &= ~tested
        removed += int(near.sum())
        train_folds[rows[near]] &= ~(np.uint64(1) << np.uint64(fold))
    return removed


def _runs(chosen: np.ndarray) -> list[tuple[int, int]]:
    """First and last position of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return [(int(first), int(last) - 1) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def _thin_classes(flows: Flows, test_fold: np.ndarray, n_folds: int) -> list[str]:
    """One sentence per class that some fold does not test."""
    sentences = []
    for name in flows.classes:
        folds = np.unique(test_fold[flows.label == name])
        if folds.size < n_folds:
            n_groups = np.unique(flows.group[flows.label == name]).size
            sentences.append(
                f"class {name} has {n_groups} groups: only folds {', '.join(map(str, folds))} of {n_folds} test it"
            )
    return sentences
