"""From where log-odds count: a host in the midst of an attack moves the zero point of its flows.

A flood fills the windows of its victim's context, so ordinary flows of the victim look a little like the attack. Their log-odds are measured
from a share of the mean that the host's flows had in the last minute: what stands out less than that is benign. The zero point never
falls, so no flow alarms for it, and it moves for the hosts of the attack; for others no more than their share of a flood with forged
senders (`PLACES`; docs/unseen-site.md has figures).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyarrow as pa

from iotids.detecting.judging.operating_point import attack_log_odds, log_scores, probabilities
from iotids.detecting.summary.texts import crc32_of
from iotids.flowmeter.kernels.entries import kernel_named

FADING_US = 60e6  # as the longest window of the context
DOUBT = 100.0  # flows of log-odds 0 that a host is given: a few flows move nothing
LARGEST = 2.0  # log-odds count as at most so much: the zero point moves by at most this times the share
BACK_US = 600_000_000  # the clock was set back, as for the context
PLACES = (
    1 << 20
)  # two hosts of one place share a zero point; a flood with forged senders fills all of them evenly
NEEDED = ("src_ip", "dst_ip", "start_us", "flow_duration_us")
ORDERED_BY = ("source", "capture", "flow_number")
means_at_ends = kernel_named("zero_point_kernels", "means_at_ends", "iotids.detecting.measuring")


@dataclass
class ZeroPoint:
    """Of the flows of one capture, in the order in which they ended; the values do not depend on how they are batched.

    share : of a host's mean that its flows are measured from. benign_index : column of the benign class
    """

    share: float
    benign_index: int
    _flows: np.ndarray = field(default_factory=lambda: np.zeros(PLACES))
    _sums: np.ndarray = field(default_factory=lambda: np.zeros(PLACES))
    _latest_us: np.ndarray = field(default_factory=lambda: np.zeros(PLACES, np.int64))

    def moved(self, logits: np.ndarray, flows: pa.Table | pa.RecordBatch) -> np.ndarray:
        """(n, k) float64 logits of some flows with the benign one raised, so that the log-odds of attack fall by the zero point."""
        log_odds = np.clip(attack_log_odds(logits, 1.0, self.benign_index), -LARGEST, LARGEST)
        hosts = np.column_stack([_places(flows.column(name)) for name in ("src_ip", "dst_ip")])
        start, duration = (flows.column(name).to_numpy() for name in ("start_us", "flow_duration_us"))
        means = np.empty(log_odds.size)
        kept = (self._flows, self._sums, self._latest_us)
        means_at_ends(log_odds, start + duration, hosts, *kept, FADING_US, DOUBT, BACK_US, means)
        raised = logits.astype(np.float64)
        raised[:, self.benign_index] += self.share * np.maximum(means, 0.0)
        return raised


def moved_in_table(
    logits: np.ndarray, flows: pa.Table, *, share: float | None, benign_index: int
) -> np.ndarray:
    """As `ZeroPoint.moved` for flows in any order, of several captures (of several sources); without a share as they are."""
    if share is None:
        return logits
    captures = np.zeros(flows.num_rows, np.int64)
    for name in ("source", "capture"):
        if name in flows.column_names:
            codes, words = _codes(flows.column(name))
            captures = captures * len(words) + codes
    ends = flows.column("start_us").to_numpy() + flows.column("flow_duration_us").to_numpy()
    order = np.lexsort((flows.column("flow_number").to_numpy(), ends, captures))
    flows, moved = flows.select(NEEDED).take(pa.array(order)), logits.astype(np.float64)
    bounds = np.flatnonzero(np.diff(captures[order], prepend=-1, append=-1))
    for start, stop in pairwise(bounds):
        rows = order[start:stop]
        moved[rows] = ZeroPoint(share, benign_index).moved(logits[rows], flows.slice(start, stop - start))
    return moved


def moved_shares(
    shares: np.ndarray, flows: pa.Table, classes: Sequence[str], *, benign: str, share: float | None
) -> np.ndarray:
    """(n, k) class probabilities of flows as `moved_in_table` moves their log-odds; without a share as they are."""
    if share is None:
        return shares
    moved = moved_in_table(log_scores(shares), flows, share=share, benign_index=classes.index(benign))
    return probabilities(moved, 1.0)


def _places(addresses: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """(n,) int64 place of each address."""
    codes, words = _codes(addresses)
    return (crc32_of(words) % PLACES)[codes]


def _codes(column: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """(n,) numbers of texts, and the texts."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    known = whole if isinstance(whole, pa.DictionaryArray) else whole.dictionary_encode()
    return known.indices.to_numpy(zero_copy_only=False), known.dictionary
