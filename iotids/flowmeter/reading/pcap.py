"""Cut a classic pcap capture into frames."""

from __future__ import annotations

from collections.abc import Iterator

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.kernels.entries import walk_pcap
from iotids.flowmeter.reading.blocks import Block
from iotids.flowmeter.reading.walk import Walk

PCAP_MAGICS = {  # big-endian, ticks per microsecond, bytes of the file's and of a record's header
    b"\xd4\xc3\xb2\xa1": (False, 1, 24, 16),
    b"\xa1\xb2\xc3\xd4": (True, 1, 24, 16),
    b"\x4d\x3c\xb2\xa1": (False, 1000, 24, 16),
    b"\xa1\xb2\x3c\x4d": (True, 1000, 24, 16),
    # the modified format of patched libpcaps and of FRITZ!Box: interface, protocol and packet type in each record
    b"\x34\xcd\xb2\xa1": (False, 1, 24, 24),
    b"\xa1\xb2\xcd\x34": (True, 1, 24, 24),
    # IXIA's, with time stamps of hardware and of software: the length of all records behind the file's header
    b"\xac\x01\x00\x1c": (False, 1000, 28, 16),
    b"\x1c\x00\x01\xac": (True, 1000, 28, 16),
    b"\xab\x01\x00\x1c": (False, 1000, 28, 16),
    b"\x1c\x00\x01\xab": (True, 1000, 28, 16),
}


class PcapWalk(Walk):
    """The records of a classic capture."""

    header = 16  # bytes of a record's

    def blocks(self) -> Iterator[Block]:
        """All frames; see Capture.blocks."""
        self.capture.format = "pcap"
        self.big, ticks_per_us, file_header, self.header = PCAP_MAGICS[bytes(self.buffer[:4])]
        if not self.fill(file_header):
            raise self.fault(
                self.source.problem
                or f"the header has {self.end} of {file_header} bytes; the file is cut off"
            )
        link = self.word(20) & 0xFFFF
        self.at += file_header
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
                self.header,
                self.room(),
                0,
            )
            yield from self.hand_out(n, at)
            if status == layout.WALK_BAD_LENGTH:
                length = self.word(8)
                raise self.fault(
                    f"captured length {length} exceeds {layout.MAX_RECORD}; the record header is damaged"
                )
            if status == layout.WALK_MORE and n == 0 and not self.grow_or_end(self.header):
                return

    def record_bytes(self) -> int:
        """See Walk."""
        captured = self.word(8)
        return self.header + captured if captured <= layout.MAX_RECORD else 0
