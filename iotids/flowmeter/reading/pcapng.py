"""Cut a pcapng capture into frames: sections, interfaces, packet blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.kernels.entries import walk_pcapng
from iotids.flowmeter.reading.blocks import Block
from iotids.flowmeter.reading.walk import Walk

PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"


class PcapngWalk(Walk):
    """The packet blocks of a pcapng capture."""

    n_interfaces = 0

    def blocks(self) -> Iterator[Block]:
        """All frames; see Capture.blocks."""
        self.capture.format = "pcapng"
        self.interfaces = np.zeros((8, layout.N_INTERFACE), np.int64)
        clock = np.zeros(2, np.int64)
        while True:
            self.read_ahead()
            n, at, status = walk_pcapng(
                self.buffer,
                self.at,
                self.end,
                self.big,
                self.interfaces,
                self.n_interfaces,
                clock,
                self.room(),
                0,
            )
            yield from self.hand_out(n, at)
            if status == layout.WALK_SECTION:
                self.read_descriptions()
            elif status == layout.WALK_BAD_LENGTH:
                raise self.fault("the captured length does not fit into its block; the block is damaged")
            elif status == layout.WALK_BAD_INTERFACE:
                raise self.fault(
                    f"the packet names an interface that is not described; the section has {self.n_interfaces}"
                )
            elif status == layout.WALK_BAD_BLOCK:
                size = self.word(4)
                raise self.fault(
                    f"block length {size} is impossible or differs from its copy at the block's end; the block is damaged"
                )
            elif status == layout.WALK_MORE and n == 0 and not self.grow_or_end(12):
                return

    def record_bytes(self) -> int:
        """See Walk; a length that is no multiple of four is rounded up."""
        size = self.word(4)
        return size + -size % 4 if size <= layout.MAX_BLOCK else 0

    def is_last_record(self) -> bool:
        """Whether the file ends with a block that is not padded to four bytes."""
        size = self.word(4)
        return 12 <= size == self.end - self.at and self.word(size - 4) == size

    def read_descriptions(self) -> None:
        """Read section headers and interface descriptions up to the next other block."""
        self.read_description()
        while self.end - self.at >= 12 and (self.starts_section() or self.word(0) == 1):
            self.read_description()

    def starts_section(self) -> bool:
        """Whether a section header comes next; its type reads the same in both byte orders."""
        return bytes(self.buffer[self.at : self.at + 4]) == PCAPNG_MAGIC

    def read_description(self) -> None:
        """Read a section header or an interface description."""
        if not self.fill(12):
            raise self.fault(self.source.problem or "the file ends within a block header; it is cut off")
        is_section = self.starts_section()
        if is_section:
            self.read_byte_order()
        size = self.word(4)
        if size < (28 if is_section else 20) or size > layout.MAX_BLOCK:
            raise self.fault(f"block length {size} is impossible; the block is damaged")
        size += -size % 4
        if not self.fill(size) and not self.is_last_record():
            raise self.fault(
                self.source.problem
                or f"the file ends {self.end - self.at} bytes into a block of {size}; it is cut off"
            )
        if is_section:
            self.n_interfaces = 0
        else:
            self.add_interface(bytes(self.buffer[self.at : self.at + size]))
        self.at = min(self.end, self.at + size)

    def read_byte_order(self) -> None:
        """Take the byte order from the section header that comes next."""
        order = bytes(self.buffer[self.at + 8 : self.at + 12])
        if order not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
            raise self.fault(f"byte-order mark {order.hex()} of the section is unknown; the block is damaged")
        self.big = order == b"\x1a\x2b\x3c\x4d"

    def add_interface(self, block: bytes) -> None:
        """Note an interface description; the table's room doubles when it is used up."""
        if self.n_interfaces == len(self.interfaces):
            self.interfaces = np.vstack([self.interfaces, np.zeros_like(self.interfaces)])
        self.interfaces[self.n_interfaces] = interface_of(block, "big" if self.big else "little")
        self.n_interfaces += 1


def interface_of(block: bytes, order: Literal["big", "little"]) -> list[int]:
    """A row of the table of interfaces, from an interface description; see layout.N_INTERFACE."""
    link = int.from_bytes(block[8:10], order)
    snap = int.from_bytes(block[12:16], order)
    resolution, offset = 6, 0
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
            resolution = value[0]
        if code == 14 and size == 8:
            offset = max(-(2**40), min(2**40, int.from_bytes(value, order, signed=True)))
        at += 4 + size + (-size % 4)
    return [link, snap, *clock_of(resolution), offset * 1_000_000]


def clock_of(resolution: int) -> tuple[int, int, int]:
    """By what ticks are multiplied and divided to become microseconds, and the power of two in which they count
    seconds, -1 where they count in a power of ten. resolution: the byte of if_tsresol.
    """
    power = resolution & 0x7F
    if resolution & 0x80:
        return 1, 1, power
    return 10 ** max(0, 6 - power), 10 ** min(18, max(0, power - 6)), -1
