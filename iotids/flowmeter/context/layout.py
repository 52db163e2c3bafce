"""What the context kernel and its callers agree on: structured arrays, and what numbers mean."""

from __future__ import annotations

import numpy as np

INITIATOR, RESPONDER, PAIR, SERVICE, INITIATOR_PORT, PAIR_PORT = range(6)
N_KINDS, N_LISTS = 6, 4
WORDS, WINDOW_WORDS = 16, 4  # 64-bit words of a counter's sums, and of one window of it
COUNTS, FAULTS, THINGS, BYTES = range(
    4
)  # flows and silent, reset and short, peers and ports: two counts of 32 bits a word
LOW = 0xFFFFFFFF  # the first of two counts
LAST = 3  # number of the window over the last flows; 0 to 2 are those over seconds

# cells of the state
NEWEST, OLDEST, LATEST_US, FREE, WINDOW_OLDEST, STARTED = 0, 1, 2, 3, 4, 7  # three windows' from 4
N_STATE = 8

FLOW = np.dtype(
    [
        ("end_us", np.int64),
        ("bytes", np.int64),
        ("kinds", np.int32, (N_KINDS,)),
        ("later", np.int32, (N_LISTS,)),
        ("facts", np.int32),
        ("unused", np.int32),
    ]
)
COUNTER = np.dtype(
    [
        ("key_a", np.int64),
        ("key_b", np.int64),
        ("kind", np.int32),
        ("bucket", np.int32),
        ("chain", np.int32),
        ("flows", np.int32),  # in the ring
        ("oldest", np.int32),  # of the list of last flows, as a place in the ring
        ("youngest", np.int32),
        ("in_list_a", np.int32),  # of these flows, in the list of the first of its parents
        ("in_list_b", np.int32),
        ("in_seconds", np.int32, (LAST,)),  # of these flows, in each window; only of the last two kinds
        ("unused", np.int32),
    ]
)
