"""Folds that shuffle flows: the paper's stratified k folds, the same without duplicates, and with duplicates
kept together.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from iotids.learning.data.duplicates import duplicate_figures
from iotids.learning.splits.flows import Flows
from iotids.learning.splits.folds import NEVER_TESTED, Split, all_but_own_fold, check_class_sizes


def stratified_split(flows: Flows, *, n_folds: int, seed: int) -> Split:
    """Cut the flows into k folds with every class spread evenly, in seeded random order (the paper's 5-fold
    cross-validation).

    Raises
    ------
    ValueError
        A class has fewer flows than folds.
    """
    check_class_sizes(flows.class_number, flows.classes, n_folds=n_folds, split="stratified")
    test_fold = stratified_folds(flows.class_number, n_folds=n_folds, seed=seed)
    return Split("stratified", test_fold, all_but_own_fold(test_fold, n_folds), number_names(n_folds))


def dedup_split(flows: Flows, *, n_folds: int, seed: int) -> Split:
    """As stratified, over the first flow of every distinct feature vector; the others are neither tested nor
    trained on.

    The label of the first flow counts where a vector occurs under several labels.
    """
    numbers = flows.vector
    kept = np.unique(numbers, return_index=True)[1]
    check_class_sizes(
        flows.class_number[kept], flows.classes, n_folds=n_folds, split="dedup", unit="distinct flows"
    )
    test_fold = np.full(flows.n, NEVER_TESTED, np.int16)
    test_fold[kept] = stratified_folds(flows.class_number[kept], n_folds=n_folds, seed=seed)
    notes = dict(duplicate_figures(numbers, flows.class_number))
    return Split("dedup", test_fold, all_but_own_fold(test_fold, n_folds), number_names(n_folds), notes=notes)


def dup_grouped_split(flows: Flows, *, n_folds: int, seed: int) -> Split:
    """Every flow is tested once, and no feature vector stands on both sides of a fold.

    Vectors that occur once are stratified; the others are dealt out whole, largest first, by
    StratifiedGroupKFold. A class whose flows all share fewer vectors than folds is tested in fewer folds;
    describe_split says so.
    """
    check_class_sizes(flows.class_number, flows.classes, n_folds=n_folds, split="dup_grouped")
    numbers = flows.vector
    repeated = np.bincount(numbers)[numbers] > 1
    test_fold = np.empty(flows.n, np.int16)
    test_fold[~repeated] = stratified_folds(flows.class_number[~repeated], n_folds=n_folds, seed=seed)
    test_fold[repeated] = grouped_folds(
        flows.class_number[repeated], numbers[repeated], n_folds=n_folds, seed=seed
    )
    notes = dict(duplicate_figures(numbers, flows.class_number))
    return Split(
        "dup_grouped", test_fold, all_but_own_fold(test_fold, n_folds), number_names(n_folds), notes=notes
    )


def stratified_folds(class_number: np.ndarray, *, n_folds: int, seed: int) -> np.ndarray:
    """(n,) int16 fold of every row; a class with fewer rows than folds fills some of them."""
    order = np.random.default_rng(seed).permutation(class_number.size)
    test_fold = np.empty(class_number.size, np.int16)
    if class_number.size >= n_folds and np.bincount(class_number).max() >= n_folds:
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
        with _few_rows_allowed():
            for fold, (_, tested) in enumerate(folds.split(np.zeros(class_number.size), class_number)):
                test_fold[tested] = fold
        return test_fold
    test_fold[order] = np.arange(class_number.size) % n_folds
    return test_fold


def grouped_folds(
    class_number: np.ndarray, group_number: np.ndarray, *, n_folds: int, seed: int
) -> np.ndarray:
    """(n,) int16 fold of every row; a group is never divided. Too few groups: they are dealt out in turn."""
    test_fold = np.empty(class_number.size, np.int16)
    enough = (
        class_number.size
        and np.bincount(class_number).max() >= n_folds
        and np.unique(group_number).size >= n_folds
    )
    if enough:
        folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        with _few_rows_allowed():
            for fold, (_, tested) in enumerate(
                folds.split(np.zeros(class_number.size), class_number, group_number)
            ):
                test_fold[tested] = fold
        return test_fold
    return (np.unique(group_number, return_inverse=True)[1] % n_folds).astype(np.int16)


def number_names(n_folds: int) -> tuple[str, ...]:
    """Names of folds that have no meaning of their own: their numbers."""
    return tuple(str(fold) for fold in range(n_folds))


def _few_rows_allowed() -> warnings.catch_warnings:
    """Silence scikit-learn's warning about classes smaller than k: describe_split names them."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)
