"""Write the context of flows: the sums of each as it enters, the columns some flows at a time.

A row has cells in 104 columns, far apart in memory; so some rows of a column are written at a time.
"""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.context.layout import (
    BYTES,
    COUNTS,
    FAULTS,
    LOW,
    N_LISTS,
    N_WINDOWS,
    PAIR,
    SERVICE,
    THINGS,
    WINDOW_WORDS,
    WORDS,
)
from iotids.flowmeter.kernels.compiling import kernel


@kernel
def copy_sums(flow, i, wide, block):
    """Copy the sums of a flow's counters to place i of the block, (counter and window, flow, word) int64."""
    for kind in range(N_LISTS):
        word = np.uint64(flow["kinds"][kind]) * np.uint64(WORDS)
        for window in range(N_WINDOWS):
            cell = block[kind * N_WINDOWS + window, i]
            for w in range(WINDOW_WORDS):
                cell[w] = wide[word + np.uint64(window * WINDOW_WORDS + w)]


@kernel
def write_rows(first, last, rows, block, numbers, shares, n_bytes):
    """Write the context of some flows to their rows: columns of columns/context.py in their order, 32 bits here, bytes there."""
    column = 0
    for kind in range(N_LISTS):
        for window in range(N_WINDOWS):
            sums = block[kind * N_WINDOWS + window]
            n_bytes_column = n_bytes[kind * N_WINDOWS + window]
            write_counts(first, last, rows, sums, numbers[column])
            column += 1
            if kind != PAIR:
                write_low(first, last, rows, sums, numbers[column])
                column += 1
            if kind != SERVICE:
                write_high(first, last, rows, sums, numbers[column])
                column += 1
            write_shares(
                first,
                last,
                rows,
                sums,
                shares[column],
                shares[column + 1],
                shares[column + 2],
                n_bytes_column,
            )
            column += 3


@kernel
def write_counts(first, last, rows, sums, column):
    """Write numbers of flows."""
    for i in range(last - first):
        column[np.uint64(rows[first + i])] = sums[i, COUNTS] & LOW


@kernel
def write_low(first, last, rows, sums, column):
    """Write peers."""
    for i in range(last - first):
        column[np.uint64(rows[first + i])] = sums[i, THINGS] & LOW


@kernel
def write_high(first, last, rows, sums, column):
    """Write ports."""
    for i in range(last - first):
        column[np.uint64(rows[first + i])] = sums[i, THINGS] >> 32


@kernel
def write_shares(first, last, rows, sums, silent, reset, short, n_bytes):
    """Write the three shares, and bytes."""
    for i in range(last - first):
        row, counts, faults = np.uint64(rows[first + i]), sums[i, COUNTS], sums[i, FAULTS]
        inverse = 1.0 / np.float64(np.int32(counts & LOW))
        silent[row] = np.float64(np.int32(counts >> 32)) * inverse
        reset[row] = np.float64(np.int32(faults & LOW)) * inverse
        short[row] = np.float64(np.int32(faults >> 32)) * inverse
        n_bytes[row] = sums[i, BYTES]
