"""Cut a classic pcap capture into frames."""

from __future__ import annotations

from collections.abc import Iterator

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.kernels.records import walk_pcap
from iotids.flowmeter.reading.blocks import Block
from iotids.flowmeter.reading.walk import Walk

PCAP_MAGICS = {  # big-endian, ticks per microsecond
    b"\xd4\xc3\xb2\xa1": (False, 1),
    b"\xa1\xb2\xc3\xd4": (True, 1),
    b"\x4d\x3c\xb2\xa1": (False, 1000),
    b"\xa1\xb2\x3c\x4d": (True, 1000),
}


class PcapWalk(Walk):
    """The records of a classic capture."""

    def blocks(self) -> Iterator[Block]:
        """All frames; see Capture.blocks."""
        self.capture.format = "pcap"
        self.big, ticks_per_us = PCAP_MAGICS[bytes(self.buffer[:4])]
        if not self.fill(24):
            raise self.fault(
                self.source.problem or f"the header has {self.end} of 24 bytes; the file is cut off"
            )
        link = self.word(20) & 0xFFFF
        self.at += 24
        while True:
            self.read_ahead()
            n, at, status = walk_pcap(
                self.buffer,
                self.at,
                self.end,
                self.big,
                ticks_per_us,
                link,
                layout.MAX_RECORD,
                self.room(),
                0,
            )
            yield from self.hand_out(n, at)
            if status == layout.WALK_BAD_LENGTH:
                length = self.word(8)
                raise self.fault(
                    f"captured length {length} exceeds {layout.MAX_RECORD}; the record header is damaged"
                )
            if status == layout.WALK_MORE and n == 0 and not self.grow_or_end(16, 16):
                return
