"""Frames to packets, block by block, with what one block must know of those before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.kernels.bundles import Remembered
from iotids.flowmeter.kernels.entries import decode_frames
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
        self.remembered = Remembered(
            fragments=np.zeros(layout.N_FRAGMENTS, layout.FRAGMENT),
            marks=np.zeros(1 + layout.N_FRAGMENTS, np.int64),
            counts=np.zeros(layout.N_STATUS, np.int64),
            order=np.array([0, -layout.NEVER]),
        )

    def decode(self, block: Block, packets: np.ndarray) -> int:
        """Write the packets of a block; returns how many."""
        n = len(block.frames)
        decode_frames(block.data, block.frames, n, self.rules, packets, self.remembered)
        return n
