"""Folds that train on the past and test on the future of every capture, with a gap between the two."""

from __future__ import annotations

import numpy as np

from iotids.learning.splits.flows import Flows
from iotids.learning.splits.folds import NEVER_TESTED, Split
from iotids.learning.splits.shuffled_folds import number_names


def temporal_split(flows: Flows, *, n_folds: int, embargo_s: float) -> Split:
    """Cut every capture into k + 1 blocks of equally many flows in time order; fold f tests block f + 1,
    trains on 0 to f.

    The first block is never tested. A flow is left out of fold f's training when it ends later than
    `embargo_s` before the capture's tested block begins: flows that still run, or have just ended, would tell
    about their neighbours.
    """
    block = np.empty(flows.n, np.int64)
    train_folds = np.zeros(flows.n, np.uint64)
    embargo_us, embargoed = int(embargo_s * 1e6), 0
    for rows in _rows_per_capture(flows):
        block[rows] = np.arange(rows.size) * (n_folds + 1) // rows.size
        embargoed += _train_on_the_past(
            flows, rows, block[rows], train_folds, embargo_us=embargo_us, n_folds=n_folds
        )
    test_fold = np.where(block > 0, block - 1, NEVER_TESTED).astype(np.int16)
    notes = {"embargo_s": embargo_s, "embargoed_pairs_of_flow_and_fold": embargoed}
    return Split("temporal", test_fold, train_folds, number_names(n_folds), notes=notes)


def _rows_per_capture(flows: Flows) -> list[np.ndarray]:
    """Rows of every capture of every source, in order of flow start (ties: row)."""
    names, capture = np.unique(flows.capture, return_inverse=True)
    captures = np.unique(flows.source, return_inverse=True)[1] * names.size + capture
    order = np.lexsort((np.arange(flows.n), flows.start_us, captures))
    return np.split(order, np.flatnonzero(np.diff(captures[order])) + 1) if flows.n else []


def _train_on_the_past(
    flows: Flows,
    rows: np.ndarray,
    block: np.ndarray,
    train_folds: np.ndarray,
    *,
    embargo_us: int,
    n_folds: int,
) -> int:
    """Set the training bits of one capture's flows; give the number of (flow, fold) pairs that the embargo
    took.
    """
    embargoed = 0
    for fold in range(n_folds):
        tested = np.flatnonzero(block == fold + 1)
        past = block <= fold
        if tested.size:
            over = flows.end_us[rows] < flows.start_us[rows[tested[0]]] - embargo_us
            embargoed += int((past & ~over).sum())
            past &= over
        train_folds[rows[past]] |= np.uint64(1) << np.uint64(fold)
    return embargoed
