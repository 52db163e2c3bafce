"""Checks of order: rows that lie in the file by class, classes that lie apart in time."""

from __future__ import annotations

import numpy as np

from iotids.auditing.scorecard.finding import Finding, not_applicable
from iotids.auditing.scorecard.refits import TEST_SHARE, split_by_groups, split_by_time
from iotids.auditing.scorecard.sample import Sample

CONTIGUOUS, BLOCKS_PER_CLASS, OVERLAP = 0.6, 20, 0.5


def check_row_order(sample: Sample) -> Finding:
    """Neighbouring rows of one class, against a shuffled file; worth: what the row's number would add, and blocks of
    neighbouring rows kept on one side.
    """
    labels = sample.table.labels
    shares = np.bincount(labels) / len(labels)
    changes, expected = float((labels[1:] != labels[:-1]).mean()), float(1 - (shares**2).sum())
    ratio = changes / expected if expected else 1.0
    worths = [sample.refits.added("give the model the row's number", [sample.rows.astype(float)])]
    blocks = np.zeros(len(sample.y), np.int64)
    for number in np.unique(sample.y):
        rows = np.flatnonzero(sample.y == number)
        blocks[rows] = number * BLOCKS_PER_CLASS + np.arange(len(rows)) * BLOCKS_PER_CLASS // len(rows)
    if worth := sample.refits.resplit(
        "keep neighbouring rows on one side", lambda r: split_by_groups(sample.y, blocks, r)
    ):
        worths.append(worth)
    return Finding(
        "row order",
        ratio < CONTIGUOUS,
        f"the class changes between neighbouring rows {100 * ratio:.0f} % as often as in a shuffled file.",
        {"changes": changes, "expected": expected, "ratio": ratio},
        tuple(worths),
    )


def check_time(sample: Sample) -> Finding:
    """What the clock gives away alone; worth: a model that may see it."""
    if (seconds := sample.table.time_s) is None:
        return not_applicable("time as a feature", "no column can be read as time")
    from sklearn.tree import DecisionTreeClassifier

    time_s = np.nan_to_num(seconds[sample.rows], nan=-1.0)
    test = np.random.default_rng(1).random(len(time_s)) < TEST_SHARE
    tree = DecisionTreeClassifier(max_leaf_nodes=100, class_weight="balanced", random_state=0)
    predicted = tree.fit(time_s[~test, None], sample.y[~test]).predict(time_s[test, None])
    truth = sample.y[test]
    alone = float(np.mean([(predicted[truth == c] == c).mean() for c in np.unique(truth)]))
    return Finding(
        "time as a feature",
        alone > 0.9,
        f"the time of a row alone has a balanced accuracy of {alone:.3f}; the models of this audit do not see it.",
        {"balanced_accuracy": alone},
        (sample.refits.added("give the model the time", [time_s - time_s.min()]),),
    )


def check_temporal_realism(sample: Sample) -> Finding:
    """Whether classes happen at the same time; worth: train on the earlier rows, test on the later."""
    if (seconds := sample.table.time_s) is None:
        return not_applicable("temporal realism", "no column can be read as time")
    time_s, labels, names = np.nan_to_num(seconds, nan=-1.0), sample.table.labels, sample.table.classes
    spans = {name: np.quantile(time_s[labels == i], [0.0, 1.0]) for i, name in enumerate(names)}
    alone = []
    for name, (low, high) in spans.items():
        others = np.unique(labels[(time_s >= low) & (time_s <= high)])
        if len(others) == 1:
            alone.append(name)
    ordered = float((np.diff(time_s) >= 0).mean())
    worth = sample.refits.resplit(
        "train on earlier, test on later rows", lambda r: split_by_time(sample.y, time_s[sample.rows], r)
    )
    return Finding(
        "temporal realism",
        bool(alone) or bool(worth and worth.material),
        f"the rows cover {(time_s.max() - time_s.min()) / 3600:.1f} hours, {100 * ordered:.0f} % in order of time; "
        + (
            f"no other class happens while these do: {', '.join(alone)}."
            if alone
            else "no class has its time to itself."
        ),
        {"hours": float((time_s.max() - time_s.min()) / 3600), "ordered": ordered, "alone": alone},
        (worth,) if worth else (),
    )
