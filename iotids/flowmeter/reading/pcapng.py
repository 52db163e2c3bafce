"""Cut a pcapng capture into frames: sections, interfaces, packet blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.kernels.records import walk_pcapng
from iotids.flowmeter.reading.blocks import Block
from iotids.flowmeter.reading.walk import Walk

PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"


class PcapngWalk(Walk):
    """The packet blocks of a pcapng capture."""

    interfaces = np.zeros((0, 4), np.int64)

    def blocks(self) -> Iterator[Block]:
        """All frames; see Capture.blocks."""
        self.capture.format = "pcapng"
        while True:
            self.read_ahead()
            n, at, status = walk_pcapng(
                self.buffer,
                self.at,
                self.end,
                self.big,
                self.interfaces,
                len(self.interfaces),
                self.room(),
                0,
            )
            yield from self.hand_out(n, at)
            if status == layout.WALK_SECTION:
                self.read_section_block()
            elif status == layout.WALK_BAD_LENGTH:
                raise self.fault("the captured length does not fit into its block; the block is damaged")
            elif status == layout.WALK_BAD_INTERFACE:
                raise self.fault(
                    f"the packet names an interface that is not described; the section has {len(self.interfaces)}"
                )
            elif status == layout.WALK_BAD_BLOCK:
                size = self.word(4)
                raise self.fault(
                    f"block length {size} is impossible or differs from its copy at the block's end; the block is damaged"
                )
            elif status == layout.WALK_MORE and n == 0 and not self.grow_or_end(12, 0):
                return

    def read_section_block(self) -> None:
        """Read a section header or an interface description."""
        if not self.fill(12):
            raise self.fault(self.source.problem or "the file ends within a block header; it is cut off")
        at = self.at
        is_section = bytes(self.buffer[at : at + 4]) == b"\x0a\x0d\x0d\x0a"
        if is_section:
            order = bytes(self.buffer[at + 8 : at + 12])
            if order not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
                raise self.fault(
                    f"byte-order mark {order.hex()} of the section is unknown; the block is damaged"
                )
            self.big = order == b"\x1a\x2b\x3c\x4d"
        size = self.word(4)
        smallest = 28 if is_section else 20
        if size < smallest or size % 4 or size > layout.MAX_BLOCK:
            raise self.fault(f"block length {size} is impossible; the block is damaged")
        if not self.fill(size):
            raise self.fault(
                self.source.problem
                or f"the file ends {self.end - self.at} bytes into a block of {size}; it is cut off"
            )
        block = bytes(self.buffer[self.at : self.at + size])
        if is_section:
            self.interfaces = np.zeros((0, 4), np.int64)
        else:
            self.interfaces = np.vstack([self.interfaces, self.interface_of(block)])
        self.at += size

    def interface_of(self, block: bytes) -> np.ndarray:
        """Link type, ticks per second, time offset and snapshot length of an interface description."""
        order: Literal["big", "little"] = "big" if self.big else "little"
        link = int.from_bytes(block[8:10], order)
        snap = int.from_bytes(block[12:16], order)
        ticks, offset = 1_000_000, 0
        at = 16
        while at + 4 <= len(block) - 4:
            code, size = (
                int.from_bytes(block[at : at + 2], order),
                int.from_bytes(block[at + 2 : at + 4], order),
            )
            value = block[at + 4 : at + 4 + size]
            if code == 0 or len(value) < size:
                break
            if code == 9 and size == 1:
                power = value[0] & 0x7F
                ticks = 2 ** min(power, 62) if value[0] & 0x80 else 10 ** min(power, 18)
            if code == 14 and size == 8:
                offset = max(-(2**40), min(2**40, int.from_bytes(value, order, signed=True)))
            at += 4 + size + (-size % 4)
        return np.array([[link, ticks, offset, snap]], np.int64)
