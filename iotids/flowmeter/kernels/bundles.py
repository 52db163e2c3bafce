"""The arrays that kernels work on together, in three named bundles: live flows, TCP segments seen, flows on disk."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from iotids.flowmeter.kernels.machine_code import bundle


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
