"""A capture file whose end is not yet written, read as far as it goes, again and again."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from iotids.flowmeter.reading.pcap import PCAP_MAGICS
from iotids.flowmeter.reading.pcapng import PCAPNG_MAGIC
from iotids.flowmeter.reading.streams import Counted, opened

PLAIN_MAGICS = (PCAPNG_MAGIC, *PCAP_MAGICS)
FIRST_BYTES = 256  # holds the headers and the time of the first packet: another capture begins differently


@dataclass
class Known:
    """What is known of a file that was read, as far as it was read.

    Attributes
    ----------
    first : its first bytes, at most 256
    read_bytes : bytes up to the end of the last whole record that was read
    size : of the file when it was left
    packets : how many packets were read
    dead : what may be added cannot be read, because of damage or compression
    """

    first: bytes = b""
    read_bytes: int = 0
    size: int = 0
    packets: int = 0
    dead: bool = False


class GrowingFile:
    """Bytes of one file from where it was left, as they are written (flowmeter.live.Arrival).

    Parameters
    ----------
    path : Path
    known : Known
        Where to begin; what was read before is not read again, but for the header.
    may_end : callable
        Is asked when nothing is left to read: whether that is the end. May wait.
    reopened : callable
        Whether the file was closed since it was begun, and is written again.

    Raises
    ------
    OSError
        It cannot be opened.
    """

    def __init__(
        self, path: Path, known: Known, may_end: Callable[[], bool], reopened: Callable[[], bool]
    ) -> None:
        self._number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._may_end, self._reopened = may_end, reopened
        self.first, self.at = known.first, known.read_bytes
        self.header = header_of(os.pread(self._number, 1 << 16, 0)) if known.read_bytes else b""
        self._left_of_header = self.header
        self.overwritten = self.ended = False

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        if self._left_of_header:
            data, self._left_of_header = self._left_of_header[:size], self._left_of_header[size:]
            return data
        while True:
            ends = (
                self.size <= self.at and self._may_end()
            )  # asked before reading: what is written meanwhile is read
            data = os.pread(self._number, size, self.at)
            if (
                not self._is_the_same()
            ):  # looked at after reading: what was read is of the file that was begun
                self.overwritten = self.ended = True
                return b""
            if data:
                self._note(data)
                return data
            if ends:
                self.ended = True
                return b""

    def readinto(self, target: memoryview, /) -> int:
        """Fill the target with what is there; 0 at the end."""
        data = self.read(len(target))
        target[: len(data)] = data
        return len(data)

    def has_more(self) -> bool:
        """Whether a read would give something at once."""
        return self.size > self.at

    @property
    def size(self) -> int:
        """Bytes of the file now."""
        return os.fstat(self._number).st_size

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._number)

    @property
    def is_packed(self) -> bool:
        """Whether it is compressed, so that what is added later cannot be read alone."""
        return self.first[:4] not in PLAIN_MAGICS

    def _note(self, data: bytes) -> None:
        """Remember how the file begins and how far it was read."""
        if self.at < FIRST_BYTES and len(self.first) == self.at:
            self.first += data[: FIRST_BYTES - self.at]
        self.at += len(data)

    def _is_the_same(self) -> bool:
        """Whether the file still begins as it did and still has what was read of it.

        Headers of captures are alike: of a file without packets so far only its writers tell whether it is another.
        """
        if 0 < self.at == len(header_of(self.first)) and self._reopened():
            return False
        return self.size >= self.at and os.pread(self._number, len(self.first), 0) == self.first


def header_of(start: bytes) -> bytes:
    """What a reader needs before any record of a capture that begins so: the file header of a pcap, section
    and interfaces of a pcapng.
    """
    if start[:4] != b"\x0a\x0d\x0d\x0a":
        return start[:24]
    order = "big" if start[8:12] == b"\x1a\x2b\x3c\x4d" else "little"
    word = lambda at: int.from_bytes(start[at : at + 4], order)  # type: ignore[arg-type]  # noqa: E731
    at = word(4)
    while at + 12 <= len(start) and word(at) == 1 and word(at + 4) >= 12:
        at += word(at + 4)
    return start[:at]


def begins_as_capture(path: Path) -> bool:
    """Whether a file, unpacked where it is compressed, begins as a capture does; False when it cannot be read."""
    start = bytearray(4)
    try:
        with path.open("rb") as file:
            source, n = opened(Counted(file, with_digest=False)), 0
            while n < len(start) and (more := source.readinto(memoryview(start)[n:])):
                n += more
    except OSError:
        return False
    return bytes(start) in PLAIN_MAGICS
