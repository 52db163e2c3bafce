"""The kernel of forest.py, which calls it by its name and does not load the compiler. Its slow twin is in
tests/detecting/test_trees.py.

Whole numbers are unsigned: an index that may be negative takes two more instructions a step.
"""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import entry, inlined

BLOCK = 64  # rows that pass all trees; their features stay in the second-level cache, a tree in the first
LANES = np.uint64(16)  # rows that go down a tree in turn, so that one waits for its loads while others go on
NOTHING, LOW, HIGH = np.uint64(0), np.uint64(0xFFFF), np.uint64(16)


@entry
def add_leaves(features, n, d, trees, room, sums):  # type: ignore[no-untyped-def]
    """sums[i] += the weights of the leaf that row i reaches in each tree, in the order of the trees.

    features (n * d,) float64, trees as layout.Trees, sums (n * width,) float64, room (2 * BLOCK,) uint64. A step goes to the
    left child, or to the one after it where the feature is not <= the threshold (NaN is not).
    """
    width = np.uint64(sums.shape[0] // n)
    at, row = room[:BLOCK], room[BLOCK:]  # of each row of the block: its node, and where its features begin
    for first in range(0, n, BLOCK):
        rows = np.uint64(min(BLOCK, n - first))
        for i in range(BLOCK):
            row[i] = min(first + i, n - 1) * d
        for tree in range(trees.levels.shape[0]):
            start, stop = trees.starts[tree], trees.starts[tree + 1]
            words, thresholds = trees.words[start:stop], trees.thresholds[start:stop]
            levels, root, limit = trees.levels[tree], np.uint64(words[0]), thresholds[0]
            for group in range(NOTHING, rows, LANES):
                node, begin = at[group : group + LANES], row[group : group + LANES]
                for i in range(LANES):  # the first step is cheaper: all ask the same
                    goes_right = levels > 0 and not features[begin[i] + (root & LOW)] <= limit
                    node[i] = (root >> HIGH) + np.uint64(goes_right)
                for _ in range(levels - 1):
                    for i in range(LANES):
                        word = np.uint64(words[node[i]])
                        goes_right = not features[begin[i] + (word & LOW)] <= thresholds[node[i]]
                        node[i] = (word >> HIGH) + np.uint64(goes_right)
            for i in range(NOTHING, rows):
                to, leaf = (np.uint64(first) + i) * width, (np.uint64(start) + at[i]) * width
                for part in range(NOTHING, width, np.uint64(8)):
                    add_eight(sums, to + part, trees.weights, leaf + part)


@inlined
def add_eight(sums, to, weights, leaf):  # type: ignore[no-untyped-def]
    """Add eight weights; all are read before the first is written, so one instruction of the processor does it."""
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    five, six, seven = np.uint64(5), np.uint64(6), np.uint64(7)
    a, b = sums[to] + weights[leaf], sums[to + one] + weights[leaf + one]
    c, d = sums[to + two] + weights[leaf + two], sums[to + three] + weights[leaf + three]
    e, f = sums[to + four] + weights[leaf + four], sums[to + five] + weights[leaf + five]
    g, h = sums[to + six] + weights[leaf + six], sums[to + seven] + weights[leaf + seven]
    sums[to], sums[to + one], sums[to + two], sums[to + three] = a, b, c, d
    sums[to + four], sums[to + five], sums[to + six], sums[to + seven] = e, f, g, h
