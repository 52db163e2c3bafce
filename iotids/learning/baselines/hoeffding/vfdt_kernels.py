"""Kernels of the project's own Hoeffding tree (VFDT) with the semantics of Weka's HoeffdingTree, to the last
quirk.

Source: classes of weka.classifiers.trees.ht in Weka 3.9.7, read and cross-checked by running them
(tests/crosscheck/weka.py). The slow twin is tests/naive_vfdt.py. Four quirks a reader will stumble over, all
Weka's:

* The first cut tried for a class uses the spread its normal had at the leaf's previous split attempt (at the
first attempt:
  the largest float, so half of the class falls on either side): the spread is read before it is brought up to
  date.
* Naive Bayes starts afresh after a split, while the class counts are inherited; until it has learned, it says
class 0.
* The first row of a class counts twice in a leaf's class weights, and a class without a row counts as one row
in the answer.
* A class whose running product falls below the smallest float is 0 for good, even if later attributes speak
for it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

# cache: compiled once per machine; nogil: threads may share it; error_model: 0/0 is NaN as in NumPy, not an
# exception
kernel = njit(cache=True, nogil=True, error_model="numpy")

PRECISION = 0.01
SMALLEST_STD = PRECISION / 6.0
FLAT_STD = 1e-10
LOG_SMALLEST = math.log(1e-75)
LOG_UNDERFLOW = -745.1332191019412  # log of half the smallest float64: below it a product is 0
LOG_CENTRE = math.log(
    math.erf(3.0 / math.sqrt(2.0)) / PRECISION
)  # value at the mean of a normal of the smallest spread
WIDE_INV_STD = (
    10.0  # a normal wider than 0.1 has a density that hardly bends within one step of the precision
)
HUGE_INV_STD = 2e-7  # the difference of Phi over one step of so wide a normal has fewer than seven digits
LOG_2 = math.log(2.0)
LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)
LOG_2PI = math.log(2.0 * math.pi)
ROOT_HALF = math.sqrt(0.5)
SMALLEST_VARIANCE = 1e-12
UNSET_VARIANCE = 1.7976931348623157e308
N_CUTS = 10
# erf and erfc as Cephes has them (Moshier 1989, ndtr.c), like Weka and SciPy; highest power first, low ones
# lead with 1
ERF_TOP = (9.604973739870516, 90.02601972038427, 2232.005345946843, 7003.325141128051, 55592.30130103949)
ERF_LOW = (33.56171416475031, 521.3579497801527, 4594.323829709801, 22629.000061389095, 49267.39426086359)
ERFC_TOP = (
    2.461969814735305e-10,
    0.5641895648310689,
    7.463210564422699,
    48.63719709856814,
    196.5208329560771,
    526.4451949954773,
    934.5285271719576,
    1027.5518868951572,
    557.5353353693994,
)
ERFC_LOW = (
    13.228195115474499,
    86.70721408859897,
    354.9377788878199,
    975.7085017432055,
    1823.9091668790973,
    2246.3376081871097,
    1656.6630919416134,
    557.5353408177277,
)
FAR_TOP = (
    0.5641895835477551,
    1.275366707599781,
    5.019050422511805,
    6.160210979930536,
    7.4097426995044895,
    2.9788666537210022,
)
FAR_LOW = (
    2.2605286322011726,
    9.396035249380015,
    12.048953980809666,
    17.08144507475659,
    9.608968090632859,
    3.369076451000815,
)
MAJORITY, BAYES, ADAPTIVE = 0, 1, 2
LEAF, DEAD, SPLIT = 0, 1, 2


class Nodes(NamedTuple):
    """The tree as arrays over nodes; `c` runs over classes, `j` over features."""

    kind: np.ndarray  # (nodes,) int8: LEAF learns, DEAD only counts, SPLIT has children
    feature: np.ndarray  # (nodes,) int32 of a split
    cut: np.ndarray  # (nodes,) float64: left takes values up to it
    child: np.ndarray  # (nodes, 2) int32
    weight: np.ndarray  # (nodes, c) class weights, inherited ones included
    listed: np.ndarray  # (nodes, c) bool: the class has an entry, be it of weight 0
    tried_at: np.ndarray  # (nodes,) weight at the last split attempt
    right_majority: np.ndarray  # (nodes,) rows the majority class got right
    right_bayes: np.ndarray  # (nodes,) rows naive Bayes got right
    seen: np.ndarray  # (nodes, c) rows of naive Bayes and of the normals below
    total: np.ndarray  # (nodes, c, j) of rounded values
    squares: np.ndarray  # (nodes, c, j) of rounded values
    mean: np.ndarray  # (nodes, c, j) of naive Bayes' normals
    std: np.ndarray  # (nodes, c, j)
    inv_std: np.ndarray  # (nodes, c, j)
    log_norm: np.ndarray  # (nodes, c, j) log of the density at the mean
    raw_total: np.ndarray  # (nodes, c, j) of raw values, for the split search
    raw_squares: np.ndarray  # (nodes, c, j)
    low: np.ndarray  # (nodes, c, j)
    high: np.ndarray  # (nodes, c, j)
    variance: np.ndarray  # (nodes, c, j) as of the last split attempt


@kernel
def polynomial(x, coefficients, value):
    """Horner's rule from a leading `value`, highest power first."""
    for c in coefficients:
        value = value * x + c
    return value


@kernel
def erf_near_zero(x):
    """erf for |x| <= 1, as a rational function of x^2."""
    z = x * x
    return x * polynomial(z, ERF_TOP, 0.0) / polynomial(z, ERF_LOW, 1.0)


@kernel
def erfc_tail(x):
    """erfc for x >= 1/sqrt 2: exp(-x^2) times a rational function, another one from 8 on."""
    if x < 1.0:
        return 1.0 - erf_near_zero(x)
    if x * x > 709.782712893384:
        return 0.0
    scale = math.exp(-x * x)
    if x < 8.0:
        return scale * polynomial(x, ERFC_TOP, 0.0) / polynomial(x, ERFC_LOW, 1.0)
    return scale * polynomial(x, FAR_TOP, 0.0) / polynomial(x, FAR_LOW, 1.0)


@kernel
def normal_cdf(z):
    """Phi(z) as Cephes' ndtr has it, bit for bit: where a step is lost in the granularity of Phi, the last
    bit decides.
    """
    x = z * ROOT_HALF
    if abs(x) < ROOT_HALF:
        return 0.5 + 0.5 * erf_near_zero(x)
    half_tail = 0.5 * erfc_tail(abs(x))
    return 1.0 - half_tail if x > 0.0 else half_tail


@kernel
def log_likelihood(offset, std, inv_std, log_norm):
    """log of max(1e-75, [Phi(upper) - Phi(lower)] / 0.01) for a rounded value `offset` from the mean.

    Between spreads of 0.1 and 5 million the density and its second derivative replace the difference of Phi
    (relative error
    below 1e-5 where it counts). Not beyond: there the step is lost in the granularity of Phi near 1/2 and 1,
    the difference
    is a small multiple of 1e-16 or nothing (1e-75), and above the mean it is nothing from 8.3 standard
    deviations on while it stays exact below. That asymmetry is Weka's and decides classes, so it is kept.
    """
    z = offset * inv_std
    half = 0.5 * PRECISION * inv_std
    if z - half > 8.3 or z + half < -19.5:
        return LOG_SMALLEST
    if HUGE_INV_STD < inv_std < WIDE_INV_STD and z < 4.0 and half * z > -0.2:
        bend = half * half * (z * z - 1.0) / 6.0
        return max(LOG_SMALLEST, log_norm - 0.5 * z * z + bend - 0.5 * bend * bend)
    if half > 2.9999 and abs(z) < 1e-6:
        return LOG_CENTRE
    mass = (
        normal_cdf((offset + 0.5 * PRECISION) / std) - normal_cdf((offset - 0.5 * PRECISION) / std)
    ) / PRECISION
    return math.log(mass) if mass > 1e-75 else LOG_SMALLEST


@kernel
def bayes_logs(nodes, leaf, rounded, terms, logs):
    """Write the log of every class's running product into `logs`, with Weka's rescue from underflow,
    attribute by attribute.

    `terms` is room for (c, j) log likelihoods: they are computed class by class, which memory likes, and
    added up by attribute.
    """
    k, n = logs.size, nodes.seen[leaf].sum()
    for c in range(k):
        logs[c] = math.log((nodes.seen[leaf, c] + 1.0) / (n + k))
        mean, std, inv_std, log_norm = (
            nodes.mean[leaf, c],
            nodes.std[leaf, c],
            nodes.inv_std[leaf, c],
            nodes.log_norm[leaf, c],
        )
        for j in range(rounded.size):
            terms[c, j] = log_likelihood(rounded[j] - mean[j], std[j], inv_std[j], log_norm[j])
    for j in range(rounded.size):
        top = -np.inf
        for c in range(k):
            logs[c] += terms[c, j]
            if logs[c] < LOG_UNDERFLOW:
                logs[c] = -np.inf
            top = max(top, logs[c])
        if top < LOG_SMALLEST:
            for c in range(k):
                logs[c] -= LOG_SMALLEST


@kernel
def find_leaf(nodes, x):
    """Number of the leaf a row falls into."""
    node = 0
    while nodes.kind[node] == SPLIT:
        node = nodes.child[node, 0] if x[nodes.feature[node]] <= nodes.cut[node] else nodes.child[node, 1]
    return node


@kernel
def take_in(nodes, leaf, x, rounded, c):
    """Update the statistics of class c in a leaf."""
    nodes.seen[leaf, c] += 1.0
    n = nodes.seen[leaf, c]
    total, squares, mean, std, inv_std = (
        nodes.total[leaf, c],
        nodes.squares[leaf, c],
        nodes.mean[leaf, c],
        nodes.std[leaf, c],
        nodes.inv_std[leaf, c],
    )
    for j in range(x.size):  # no branches, so that it runs four features at a time
        total[j] += rounded[j]
        squares[j] += rounded[j] * rounded[j]
        mean[j] = total[j] / n
        spread = math.sqrt(abs(squares[j] - mean[j] * total[j]) / n)
        std[j] = max(spread, SMALLEST_STD) if spread > FLAT_STD else std[j]
        inv_std[j] = 1.0 / std[j]
    log_norm = nodes.log_norm[leaf, c]
    for j in range(x.size):
        if inv_std[j] < WIDE_INV_STD:  # nobody asks for the others
            log_norm[j] = math.log(inv_std[j]) - LOG_ROOT_2PI
    raw_total, raw_squares, low, high = (
        nodes.raw_total[leaf, c],
        nodes.raw_squares[leaf, c],
        nodes.low[leaf, c],
        nodes.high[leaf, c],
    )
    for j in range(x.size):
        raw_total[j] += x[j]
        raw_squares[j] += x[j] * x[j]
        low[j] = min(low[j], x[j])
        high[j] = max(high[j], x[j])


@kernel
def entropy(weights):
    """Entropy in bits; 0 without weight."""
    logs, total = 0.0, 0.0
    for w in weights:
        total += w
        if w > 0.0:
            logs -= w * math.log(w)
    if abs(total) < 1e-6:
        return 0.0
    return (logs + total * math.log(total)) / (total * LOG_2)


@kernel
def divide(nodes, leaf, j, cut, sides, listed):
    """Write the class weights expected at or below (row 0) and above (row 1) a cut into `sides`, and which
    classes have entries.
    """
    for c in range(sides.shape[1]):
        n = nodes.seen[leaf, c]
        sides[0, c], sides[1, c], listed[0, c], listed[1, c] = 0.0, 0.0, False, False
        if n == 0.0:
            continue
        if cut < nodes.low[leaf, c, j]:
            sides[1, c], listed[1, c] = n, True
            continue
        if cut > nodes.high[leaf, c, j]:
            sides[0, c], listed[0, c] = n, True
            continue
        stale_std = math.sqrt(nodes.variance[leaf, c, j])
        mean = nodes.raw_total[leaf, c, j] / n
        variance = max(nodes.raw_squares[leaf, c, j] / n - mean * mean, SMALLEST_VARIANCE)
        nodes.variance[leaf, c, j] = variance
        gap = cut - mean
        # these operations in this order: half-and-half divisions tie, and Weka's last bit decides between
        # them (its density
        # divides by log 2 pi where the root of 2 pi is meant; that cancels, but for the last bit)
        equal = 1.0 / (LOG_2PI * math.sqrt(variance)) * math.exp(-(gap * gap / (2.0 * variance))) * n
        less = normal_cdf(gap / stale_std) * n - equal
        sides[0, c], sides[1, c] = less + equal, n - equal - less
        listed[0, c], listed[1, c] = True, True


@kernel
def merit_of(before, sides, min_branch_fraction):
    """Information gain of a division; -inf unless both sides hold more than the fraction."""
    left, right = sides[0].sum(), sides[1].sum()
    total = left + right
    if not (left / total > min_branch_fraction and right / total > min_branch_fraction):
        return -np.inf
    return before - (left * entropy(sides[0]) + right * entropy(sides[1])) / total


@kernel
def best_cut(nodes, leaf, j, before, min_branch_fraction, trial, trial_listed, sides, listed):
    """Best merit and cut of one feature; NaN as cut when all its values in the leaf are equal. The first cut
    is kept on ties.

    Its division goes into `sides` and `listed`; it cannot be computed again later, because trying a cut
    updates the spread.
    """
    low, high = np.inf, -np.inf
    for c in range(nodes.seen.shape[1]):
        low, high = min(low, nodes.low[leaf, c, j]), max(high, nodes.high[leaf, c, j])
    merit, chosen, last = -np.inf, np.nan, np.nan
    width = (high - low) / (N_CUTS + 1.0)
    for i in range(N_CUTS):
        cut = low + width * (i + 1.0)
        if not (low < cut < high) or cut == last:
            continue
        last = cut
        divide(nodes, leaf, j, cut, trial, trial_listed)
        found = merit_of(before, trial, min_branch_fraction)
        if math.isnan(chosen) or found > merit:
            merit, chosen = found, cut
            sides[:], listed[:] = trial, trial_listed
    return merit, chosen


@kernel
def try_split(nodes, leaf, n_nodes, delta, tau, min_branch_fraction):
    """Split a leaf, close it, or leave it; give the new number of nodes."""
    k, d = nodes.seen.shape[1], nodes.total.shape[2]
    n_listed = nodes.listed[leaf].sum()
    if n_listed < 2:
        return n_nodes
    trial, sides, best_sides = np.empty((2, k)), np.empty((2, k)), np.empty((2, k))
    trial_listed, listed, best_listed = (
        np.empty((2, k), np.bool_),
        np.empty((2, k), np.bool_),
        np.empty((2, k), np.bool_),
    )
    before = entropy(nodes.weight[leaf])
    best, second, feature, cut, n_candidates = -np.inf, -np.inf, -1, np.nan, 0
    for j in range(d):
        merit, found = best_cut(
            nodes, leaf, j, before, min_branch_fraction, trial, trial_listed, sides, listed
        )
        if math.isnan(found):
            continue
        n_candidates += 1
        # >=: among equal merits the last feature wins, as in Weka's stable sort
        if merit >= best:
            best, second, feature, cut = merit, best, j, found
            best_sides[:], best_listed[:] = sides, listed
        elif merit > second:
            second = merit
    if n_candidates == 0:
        nodes.kind[leaf] = DEAD
        return n_nodes
    reach = math.log(max(n_listed, 2)) / LOG_2
    bound = math.sqrt(reach * reach * math.log(1.0 / delta) / (2.0 * nodes.weight[leaf].sum()))
    if not (best - second > bound or bound < tau):
        return n_nodes
    return grow(nodes, leaf, n_nodes, feature, cut, best_sides, best_listed)


@kernel
def grow(nodes, leaf, n_nodes, feature, cut, sides, listed):
    """Turn a leaf into a split with two fresh leaves that inherit the expected class weights."""
    nodes.kind[leaf], nodes.feature[leaf], nodes.cut[leaf] = SPLIT, feature, cut
    for side in range(2):
        child = n_nodes + side
        nodes.child[leaf, side] = child
        nodes.weight[child] = sides[side]
        nodes.listed[child] = listed[side]
        nodes.tried_at[child] = sides[side].sum()
    return n_nodes + 2


@kernel
def learn_rows(nodes, n_nodes, X, y, order, start, leaf_kind, grace, delta, tau, min_branch_fraction):
    """Learn rows order[start:] one by one; give (next position, nodes). Stops early when two more nodes would
    not fit.
    """
    d, k = X.shape[1], nodes.seen.shape[1]
    rounded, terms, logs = np.empty(d), np.empty((k, d)), np.empty(k)
    for position in range(start, order.size):
        if n_nodes + 2 > nodes.kind.size:
            return position, n_nodes
        x, c = X[order[position]], y[order[position]]
        leaf = find_leaf(nodes, x)
        if nodes.kind[leaf] == LEAF:
            for j in range(d):
                rounded[j] = np.rint(x[j] / PRECISION) * PRECISION
            if leaf_kind == ADAPTIVE:
                if nodes.listed[leaf].any() and nodes.weight[leaf].argmax() == c:
                    nodes.right_majority[leaf] += 1.0
                bayes_logs(nodes, leaf, rounded, terms, logs)
                if logs.argmax() == c:
                    nodes.right_bayes[leaf] += 1.0
            take_in(nodes, leaf, x, rounded, c)
        nodes.weight[leaf, c] += 1.0 if nodes.listed[leaf, c] else 2.0
        nodes.listed[leaf, c] = True
        if nodes.kind[leaf] == LEAF and nodes.weight[leaf].sum() - nodes.tried_at[leaf] > grace:
            n_nodes = try_split(nodes, leaf, n_nodes, delta, tau, min_branch_fraction)
            nodes.tried_at[leaf] = nodes.weight[leaf].sum()
    return order.size, n_nodes


@kernel
def predict_rows(nodes, X, leaf_kind, scores):
    """Write every row's class probabilities into `scores`; nothing is learnt."""
    d, k = X.shape[1], scores.shape[1]
    rounded, terms = np.empty(d), np.empty((k, d))
    for i in range(X.shape[0]):
        leaf = find_leaf(nodes, X[i])
        count = leaf_kind == MAJORITY or nodes.kind[leaf] == DEAD
        if count or (leaf_kind == ADAPTIVE and nodes.right_majority[leaf] > nodes.right_bayes[leaf]):
            total = nodes.weight[leaf].sum() + k - nodes.listed[leaf].sum()
            for c in range(k):
                scores[i, c] = (nodes.weight[leaf, c] if nodes.listed[leaf, c] else 1.0) / total
            continue
        for j in range(d):
            rounded[j] = np.rint(X[i, j] / PRECISION) * PRECISION
        bayes_logs(nodes, leaf, rounded, terms, scores[i])
        top, total = scores[i].max(), 0.0
        for c in range(k):
            scores[i, c] = math.exp(scores[i, c] - top)
            total += scores[i, c]
        for c in range(k):
            scores[i, c] /= total
