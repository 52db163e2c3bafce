"""What a fault is worth: forests fitted with and without it, over several random splits.

The difference of macro F has a t interval with Nadeau and Bengio's correction (Machine Learning 52, 2003) for splits
that share training rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from iotids.auditing.scorecard.finding import Worth

TEST_SHARE, REPEATS, TREES = 0.3, 5, 20
T_95 = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""97.5 % quantiles of Student's t, by degrees of freedom."""


@dataclass(frozen=True)
class Rows:
    """Training and test rows of one repeat."""

    train: np.ndarray
    test: np.ndarray


Split = Callable[[int], Rows | None]
"""Gives the rows of a repeat; None where the table cannot be split that way."""


def random_split(labels: np.ndarray, repeat: int) -> Rows:
    """A random 70 : 30 split of every class."""
    generator = np.random.default_rng([7, repeat])
    test = np.zeros(len(labels), bool)
    for number in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == number))
        test[rows[: round(TEST_SHARE * len(rows))]] = True
    return Rows(np.flatnonzero(~test), np.flatnonzero(test))


def split_by_groups(labels: np.ndarray, groups: np.ndarray, repeat: int) -> Rows | None:
    """Whole groups on either side, about 30 % of the rows of every class tested; None where fewer than two classes have
    two groups.
    """
    generator = np.random.default_rng([11, repeat])
    side: dict[int, bool] = {}  # group → tested
    both = 0
    for number in np.unique(labels)[
        np.argsort(np.bincount(labels)[np.unique(labels)])
    ]:  # rare classes choose first
        mine, counts = np.unique(groups[labels == number], return_counts=True)
        order = generator.permutation(len(mine))
        tested = sum(int(counts[i]) for i in range(len(mine)) if side.get(int(mine[i])))
        for i in order:
            if int(mine[i]) not in side:
                side[int(mine[i])] = tested < TEST_SHARE * counts.sum()
                tested += int(counts[i]) * side[int(mine[i])]
        both += len({side[int(one)] for one in mine}) == 2
    if both < 2:
        return None
    tested_groups = np.array([group for group, is_tested in side.items() if is_tested], dtype=groups.dtype)
    test = np.isin(groups, tested_groups)
    return Rows(np.flatnonzero(~test), np.flatnonzero(test))


def split_by_time(labels: np.ndarray, time_s: np.ndarray, repeat: int) -> Rows:
    """The later 20 to 40 % (by repeat) of every class's rows are tested."""
    share = TEST_SHARE + 0.05 * (repeat - REPEATS // 2)
    test = np.zeros(len(labels), bool)
    for number in np.unique(labels):
        rows = np.flatnonzero(labels == number)
        rows = rows[np.argsort(time_s[rows], kind="stable")]
        test[rows[len(rows) - round(share * len(rows)) :]] = True
    return Rows(np.flatnonzero(~test), np.flatnonzero(test))


def fit_predict(x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, seed: int) -> np.ndarray:
    """Classes that a forest of 20 trees gives the test rows."""
    from sklearn.ensemble import RandomForestClassifier  # a second's import

    forest = RandomForestClassifier(TREES, n_jobs=-1, random_state=seed, min_samples_leaf=1)
    return np.asarray(forest.fit(x_train, y_train).predict(x_test))


def macro_f(truth: np.ndarray, predicted: np.ndarray, classes: Sequence[int]) -> float:
    """Macro F over these classes, times 100."""
    scores = []
    for number in classes:
        hits = np.count_nonzero((truth == number) & (predicted == number))
        named = np.count_nonzero(truth == number) + np.count_nonzero(predicted == number)
        scores.append(2 * hits / named if named else 0.0)
    return 100 * float(np.mean(scores))


class Refits:
    """Fits on one sample of a table; forests on the plain random split are fitted once."""

    def __init__(self, features: Mapping[str, np.ndarray], x: np.ndarray, labels: np.ndarray) -> None:
        self.names, self.x, self.y = list(features), x, labels
        self.plain = [random_split(labels, repeat) for repeat in range(REPEATS)]
        self.predicted = [self._fit(rows, self.x, self.y, r) for r, rows in enumerate(self.plain)]

    def before(self, repeat: int, classes: Sequence[int] | None = None) -> float:
        """Macro F on the plain split."""
        truth = self.y[self.plain[repeat].test]
        return macro_f(
            truth, self.predicted[repeat], np.unique(truth).tolist() if classes is None else classes
        )

    def without(self, intervention: str, dropped: Sequence[str]) -> Worth | None:
        """Drop features; the same rows."""
        kept = [i for i, name in enumerate(self.names) if name not in set(dropped)]
        if not kept or len(kept) == len(self.names):
            return None
        return self._compare(intervention, lambda r: self.plain[r], x=self.x[:, kept])

    def added(self, intervention: str, columns: Sequence[np.ndarray]) -> Worth:
        """Give the model further columns; the worth is what they add."""
        more = [np.nan_to_num(c, nan=-1.0).astype(np.float32) for c in columns]
        worth = self._compare(intervention, lambda r: self.plain[r], x=np.column_stack([self.x, *more]))
        assert worth is not None
        return gained(worth)

    def resplit(self, intervention: str, split: Split) -> Worth | None:
        """Split in another way."""
        return self._compare(intervention, split)

    def repaired(self, intervention: str, split: Split) -> Worth | None:
        """Train on other rows that lack a fault; the worth is what the model gains."""
        worth = self._compare(intervention, split)
        return worth and gained(worth)

    def relabelled(self, intervention: str, labels: np.ndarray) -> Worth | None:
        """Other labels on the same rows; the worth is what the model gains (shown as a loss before)."""
        return self._compare(intervention, lambda r: self.plain[r], y=labels, gain=True)

    def _compare(
        self,
        intervention: str,
        split: Split,
        *,
        x: np.ndarray | None = None,
        y: np.ndarray | None = None,
        gain: bool = False,
    ) -> Worth | None:
        """Fit every repeat again and compare, over the classes that both sides have."""
        x, y = self.x if x is None else x, self.y if y is None else y
        before, after, share = [], [], 0.0
        for repeat in range(REPEATS):
            if (rows := split(repeat)) is None:
                return None
            classes = np.intersect1d(np.unique(y[rows.train]), np.unique(y[rows.test])).tolist()
            if len(classes) < 2:
                return None
            predicted = self._fit(rows, x, y, repeat)
            after.append(macro_f(y[rows.test], predicted, classes))
            before.append(self.before(repeat, None if gain else classes))
            share += len(rows.test) / max(len(rows.train), 1) / REPEATS
        differences = np.array(before) - np.array(after)
        if gain:
            differences = -differences
        return worth_of(intervention, before, after, differences, share)

    def _fit(self, rows: Rows, x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
        return fit_predict(x[rows.train], y[rows.train], x[rows.test], seed)


def gained(worth: Worth) -> Worth:
    """The same effect, counted as a gain: macro F after minus before."""
    return replace(worth, points=-worth.points, low=-worth.high, high=-worth.low)


def worth_of(
    intervention: str,
    before: Sequence[float],
    after: Sequence[float],
    differences: np.ndarray,
    test_to_train: float,
) -> Worth:
    """The mean difference with its corrected interval; at least two repeats."""
    n = len(differences)
    spread = float(differences.std(ddof=1)) * np.sqrt(1 / n + test_to_train)
    half, mean = T_95[max(n - 1, 2)] * spread, float(differences.mean())
    return Worth(
        intervention,
        float(np.mean(before)),
        float(np.mean(after)),
        mean,
        float(mean - half),
        float(mean + half),
        n,
    )
