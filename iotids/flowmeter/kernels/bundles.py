"""The arrays that kernels work on together, in named bundles: what decoding remembers, live flows, TCP segments seen,
flows on disk, columns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from iotids.flowmeter.kernels.words import bundle


@bundle
class Remembered(NamedTuple):
    """What decoding knows from the blocks before."""

    fragments: np.ndarray  # (n,) FRAGMENT: the ring of first fragments, all 0 at first
    marks: np.ndarray  # (1 + n,) int64: see fragments.py
    counts: np.ndarray  # (N_STATUS,) int64: packets by where they went
    order: np.ndarray  # (N_ORDER,) int64: OUT_OF_ORDER and LATEST


@bundle
class Table(NamedTuple):
    """Live flows of a capture, and those that are over until somebody takes them."""

    slots: np.ndarray  # (a power of two,) int64: hash table of tags and places, see ON_DISK
    keys: np.ndarray  # (places,) KEY
    bodies: np.ndarray  # (places,) FLOW
    due: (
        np.ndarray
    )  # (places,) int64: when to look at the flow again, NEVER for a free place, see meter_packets
    blank: np.ndarray  # (1,) FLOW: zeros
    free: np.ndarray  # (places,) int32: stack of free places, counters[FREE_PLACES] high
    over: np.ndarray  # (output,) FLOW: flows that are over, counters[FINISHED] of them
    over_keys: np.ndarray  # (output,) KEY
    counters: np.ndarray  # (N_COUNTERS,) int64
    sequences: np.ndarray  # (places, SEQUENCE_CELLS) int32: first packets of each flow; (1, …) where unwanted
    over_sequences: np.ndarray  # (output, SEQUENCE_CELLS) int32, or (1, …)


@bundle
class Segments(NamedTuple):
    """TCP segments that connections have seen (corrected): a chained hash table over a pool."""

    buckets: np.ndarray  # (a power of two,) int32: newest segment of each bucket, -1 without
    pool: np.ndarray  # (as many,) SEGMENT
    free: np.ndarray  # (as many,) int32: stack of free ones, counters[FREE_SEGMENTS] high
    secret: np.ndarray  # (SECRET_WORDS,) int64, see hashing.py
    counters: np.ndarray  # those of the table


@bundle
class Disk(NamedTuple):
    """Flows that were spilled to temporary files."""

    files: np.ndarray  # (N_FILES,) int64: descriptors, -1 where there is none
    key: np.ndarray  # (1,) KEY: room for one that is looked at
    pairs: np.ndarray  # (some, 2) int64: room for TCP segments that are read


@bundle
class Columns(NamedTuple):
    """Columns that rows are written to; positions.py says which lies where."""

    cells: np.ndarray  # (N_FEATURES, rows) int64
    floats: np.ndarray  # the same memory as float64
    numbers: np.ndarray  # (N_NUMBERS, rows) int64
    ports: np.ndarray  # (N_PORTS, rows) int32
    texts: np.ndarray  # (N_TEXTS, rows * TEXT_PER_ROW) uint8
    offsets: np.ndarray  # (N_TEXTS, rows + 1) int32
