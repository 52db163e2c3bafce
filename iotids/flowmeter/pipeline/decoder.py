"""Frames to packets, block by block, with what one block must know of those before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.kernels.entries import count_out_of_order, decode_frames
from iotids.flowmeter.profiles import Rules
from iotids.flowmeter.reading import Block


@dataclass(frozen=True)
class Decoded:
    """Some consecutive packets; the block they come from is valid only when nothing is queued."""

    block: Block
    packets: np.ndarray
    n: int
    first_number: int
    oldest_us: int


class Decoder:
    """Frames to packets; remembers first fragments from block to block."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.counts = np.zeros(layout.N_STATUS, np.int64)
        self.fragments = np.zeros(layout.N_FRAGMENTS, layout.FRAGMENT)
        self.marks = np.zeros(1 + layout.N_FRAGMENTS, np.int64)
        self.out_of_order = 0
        self.latest_us = -layout.NEVER

    def decode(self, block: Block, packets: np.ndarray) -> int:
        """Write the packets of a block; returns how many."""
        n = len(block.frames)
        late, self.latest_us = count_out_of_order(block.frames, n, self.latest_us)
        self.out_of_order += late
        decode_frames(
            block.data, block.frames, n, self.rules, packets, self.fragments, self.marks, self.counts
        )
        return n
