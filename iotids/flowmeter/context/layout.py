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
N_WINDOWS = 4

# bits of a flow's facts: three that it came with, then those of which counters it is no longer the newest flow
SILENT, RESET, SHORT, OLD_PAIR, OLD_SERVICE, OLD_INITIATOR_PORT, OLD_PAIR_PORT = range(7)

# cells of the state
NEWEST, OLDEST, LATEST_US, FREE, WINDOW_OLDEST, STARTED = 0, 1, 2, 3, 4, 7  # three windows' from 4
N_STATE = 8

EARLY = 12  # so many flows before a flow enters, its counters are found
BLOCK = 16  # so many flows are written at a time

FLOW = np.dtype(
    [
        ("end_us", np.int64),
        ("bytes", np.int64),
        ("kinds", np.int32, (N_LISTS,)),
        ("later", np.int32, (N_LISTS,)),  # places of the next flows of its counters
        ("pair_port", np.int32),
        ("facts", np.int32),
        ("unused", np.int64),
    ]
)
# flows have numbers from 0, in order of their entry
COUNTER = np.dtype(
    [
        ("key_a", np.int64),
        ("key_b", np.int64),
        ("newest", np.int64),  # number of its last flow
        (
            "oldest",
            np.int64,
        ),  # number of the first of its last flows; says nothing once `newest` left the ring
        ("kind", np.int32),
        ("bucket", np.int32),
        ("chain", np.int32),
        ("users", np.int32),  # flows of a counter of the last kind; of the others, counters of the last kind
        ("parents", np.int32, (4,)),  # of the last kind: initiator, responder, service, initiator with port
    ]
)
