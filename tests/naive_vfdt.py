"""The Hoeffding tree of Weka once more, slow and obvious: dictionaries, one row at a time. Twin of
iotids/learning/baselines/hoeffding/vfdt_kernels.py.
"""

import math

import numpy as np
from scipy.special import ndtr

PRECISION = 0.01


class Normal:
    """One class and feature in a leaf: Weka's NormalEstimator (naive Bayes) and its UnivariateNormalEstimator
    (split search).
    """

    def __init__(self):
        self.n, self.total, self.squares, self.mean, self.std = 0, 0.0, 0.0, 0.0, PRECISION / 6
        self.raw_total, self.raw_squares, self.low, self.high = 0.0, 0.0, math.inf, -math.inf
        self.variance = 1.7976931348623157e308

    def add(self, value):
        rounded = float(np.rint(value / PRECISION)) * PRECISION
        self.n += 1
        self.total += rounded
        self.squares += rounded * rounded
        self.mean = self.total / self.n
        std = math.sqrt(abs(self.squares - self.mean * self.total) / self.n)
        if std > 1e-10:
            self.std = max(std, PRECISION / 6)
        self.raw_total += value
        self.raw_squares += value * value
        self.low, self.high = min(self.low, value), max(self.high, value)

    def likelihood(self, value):
        offset = float(np.rint(value / PRECISION)) * PRECISION - self.mean
        mass = ndtr((offset + PRECISION / 2) / self.std) - ndtr((offset - PRECISION / 2) / self.std)
        return max(1e-75, float(mass) / PRECISION)

    def divide(self, cut):
        """Weight expected at or below the cut and above it; the spread is read before it is brought up to
        date.
        """
        if cut < self.low:
            return {1: float(self.n)}
        if cut > self.high:
            return {0: float(self.n)}
        stale = math.sqrt(self.variance)
        mean = self.raw_total / self.n
        self.variance = max(self.raw_squares / self.n - mean * mean, 1e-12)
        gap = cut - mean
        equal = (
            1
            / (math.log(2 * math.pi) * math.sqrt(self.variance))
            * math.exp(-(gap * gap / (2 * self.variance)))
            * self.n
        )
        less = float(ndtr(gap / stale)) * self.n - equal
        return {0: equal + less, 1: self.n - equal - less}


class Leaf:
    """A leaf with its class weights and one normal per class and feature."""

    def __init__(self, n_classes, n_features, weights=()):
        self.k, self.d = n_classes, n_features
        self.weights = dict(weights)
        self.tried_at = sum(self.weights.values())
        self.normals = {}
        self.rows_of = [0] * n_classes
        self.right_majority = self.right_bayes = 0
        self.dead = False

    def majority(self):
        return max(sorted(self.weights), key=self.weights.get) if self.weights else None

    def bayes(self, x):
        scores = [(n + 1) / (sum(self.rows_of) + self.k) for n in self.rows_of]
        unseen = Normal()
        for j, value in enumerate(x):
            scores = [s * self.normals.get((c, j), unseen).likelihood(value) for c, s in enumerate(scores)]
            if 0 < max(scores) < 1e-75:
                scores = [s * 1e75 for s in scores]
        return [s / sum(scores) for s in scores]

    def learn(self, x, c):
        if not self.dead:
            self.right_majority += self.majority() == c
            self.right_bayes += int(np.argmax(self.bayes(x))) == c
            self.rows_of[c] += 1
            for j, value in enumerate(x):
                self.normals.setdefault((c, j), Normal()).add(value)
        self.weights[c] = self.weights.get(c, 1.0) + 1.0

    def scores(self, x):
        if self.dead or self.right_majority > self.right_bayes:
            weights = [self.weights.get(c, 1.0) for c in range(self.k)]
            return [w / sum(weights) for w in weights]
        return self.bayes(x)

    def candidates(self):
        """(merit, feature, cut, weights of both sides) of every feature with two values, then sorted by
        merit, stably.
        """
        found = []
        for j in range(self.d):
            normals = {c: self.normals[c, j] for c in range(self.k) if (c, j) in self.normals}
            low, high = min(n.low for n in normals.values()), max(n.high for n in normals.values())
            best = None
            for cut in sorted({low + (high - low) / 11.0 * (i + 1.0) for i in range(10)}):
                if not low < cut < high:
                    continue
                divided = {c: n.divide(cut) for c, n in normals.items()}
                sides = [{c: part[side] for c, part in divided.items() if side in part} for side in (0, 1)]
                merit = gain(self.weights, sides)
                if best is None or merit > best[0]:
                    best = (merit, j, cut, sides)
            if best:
                found.append(best)
        return sorted(found, key=lambda candidate: candidate[0])


def entropy(weights):
    """In bits, by Weka's formula: merits of leaves that are almost pure differ in the last bit only, so the
    formula decides.
    """
    total, logs = 0.0, 0.0
    for w in weights:
        total += w
        logs -= w * math.log(w) if w > 0 else 0.0
    return (logs + total * math.log(total)) / (total * math.log(2)) if abs(total) > 1e-6 else 0.0


def gain(before, sides):
    weights = [sum(side.values()) for side in sides]
    if not all(w / sum(weights) > 0.01 for w in weights):
        return -math.inf
    after = sum(w * entropy(side.values()) for w, side in zip(weights, sides, strict=True)) / sum(weights)
    return entropy(before.values()) - after


class NaiveVfdt:
    """The tree: nested lists [feature, cut, left, right] with leaves at the ends."""

    def __init__(self, n_classes, n_features, grace=200, delta=1e-7, tau=0.05):
        self.k, self.d, self.grace, self.delta, self.tau = n_classes, n_features, grace, delta, tau
        self.root = [Leaf(n_classes, n_features)]

    def place(self, x):
        """The list and index where the row's leaf stands."""
        holder, at = self.root, 0
        while isinstance(holder[at], list):
            holder = holder[at]
            at = 2 if x[holder[0]] <= holder[1] else 3
        return holder, at

    def learn(self, x, c):
        holder, at = self.place(x)
        leaf = holder[at]
        leaf.learn(x, c)
        if not leaf.dead and sum(leaf.weights.values()) - leaf.tried_at > self.grace:
            if len(leaf.weights) > 1:
                self.try_split(holder, at, leaf)
            leaf.tried_at = sum(leaf.weights.values())

    def try_split(self, holder, at, leaf):
        candidates = leaf.candidates()
        if not candidates:
            leaf.dead = True
            return
        best, second = candidates[-1][0], candidates[-2][0] if len(candidates) > 1 else -math.inf
        reach = math.log2(max(len(leaf.weights), 2))
        bound = math.sqrt(reach**2 * math.log(1 / self.delta) / (2 * sum(leaf.weights.values())))
        if best - second > bound or bound < self.tau:
            _, feature, cut, sides = candidates[-1]
            holder[at] = [feature, cut, *(Leaf(self.k, self.d, side) for side in sides)]

    def scores(self, x):
        holder, at = self.place(x)
        return holder[at].scores(x)

    def shape(self, node=None):
        """Features and cuts, nested; leaves as None."""
        node = self.root[0] if node is None else node
        return (
            [node[0], node[1], self.shape(node[2]), self.shape(node[3])] if isinstance(node, list) else None
        )
