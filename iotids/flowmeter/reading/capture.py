"""Stream a capture file as blocks of frames: pcap, pcapng, plain or compressed, from a file or standard
input.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

import numpy as np
import zstandard

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.kernels.records import survey_frames, walk_pcap, walk_pcapng

CAPTURE_SUFFIXES = (".pcap", ".pcapng", ".cap")
COMPRESSION_SUFFIXES = ("", ".gz", ".xz", ".zst")
FRAMES_PER_BLOCK = (
    4096  # their packets (about 0.5 MB) stay in the second-level cache between decoding and metering
)
STEP_PACKETS = 65_536  # after so many, flows.py looks for flows that need no memory any more
READ_BYTES = 1 << 20
LATEST_US = 7_258_118_400_000_000  # year 2200: a later time stamp is damage, not a capture

LINK_NAMES = {
    0: "NULL",
    1: "Ethernet",
    9: "PPP",
    12: "raw IP",
    14: "raw IP",
    50: "PPP in HDLC",
    101: "raw IP",
    105: "802.11",
    108: "LOOP",
    113: "Linux SLL",
    127: "802.11 with radiotap",
    228: "IPv4",
    229: "IPv6",
    276: "Linux SLL2",
}


class CaptureFault(ValueError):  # noqa: N818  it is the capture that is at fault
    """A capture that cannot be read to its end: what is wrong, at which packet and which byte of the
    uncompressed capture.
    """

    def __init__(self, name: str, problem: str, *, packet: int, offset: int) -> None:
        super().__init__(f"{name}, packet {packet}, byte {offset}: {problem}")
        self.capture = name
        self.problem = problem
        self.packet = packet
        self.offset = offset


def is_capture_name(name: str) -> bool:
    """Whether a file name ends as a capture's does."""
    lower = name.lower()
    return any(lower.endswith(kind + packed) for kind in CAPTURE_SUFFIXES for packed in COMPRESSION_SUFFIXES)


# ------------------------------------------------------------------------------------------------------------
# byte sources


class _Inflater(Protocol):
    """What zlib, lzma and zstandard have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: Any, /) -> bytes: ...


def _new_inflater(magic: bytes) -> tuple[_Inflater, int] | None:
    """Decompressor for a file that begins so, and how many packed bytes to feed it at once; None for a plain
    file.
    """
    if magic[:2] == b"\x1f\x8b":
        return zlib.decompressobj(31), 1 << 14
    if magic[:6] == b"\xfd7zXZ\x00":
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=1 << 28), 1 << 12
    if magic[:4] == b"\x28\xb5\x2f\xfd":
        # at most 128 KiB come out of each block of four bytes: small bites bound the memory that a bomb can
        # claim
        return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj(), 1 << 11
    if magic[:3] == b"BZh":
        return bz2.BZ2Decompressor(), 1 << 14
    return None


class _Unpacked:
    """Reads a compressed stream; notices when it stops in the middle."""

    def __init__(self, source: _Counted, magic: bytes) -> None:
        found = _new_inflater(magic)
        assert found is not None
        self._inflater, self._bite = found
        self._source = source
        self._magic = magic
        self._packed = magic
        self._ready = memoryview(b"")
        self.problem = ""

    def readinto(self, target: memoryview) -> int:
        """Fill the target as far as one step goes; 0 at the end, `problem` says whether it was a good end."""
        while not self._ready and not self.problem:
            if self._inflater.eof:
                self._packed = self._inflater.unused_data or self._source.read(self._bite)
                if not self._packed:
                    return 0
                again = _new_inflater(self._packed + self._source.read(max(0, 6 - len(self._packed))))
                if again is None:  # padding or rubbish behind the last member is no part of the capture
                    return 0
                self._inflater = again[0]
            elif not self._packed:
                self._packed = self._source.read(self._bite)
                if not self._packed:
                    self.problem = "the compressed file stops in the middle"
                    return 0
            bite, self._packed = self._packed[: self._bite], self._packed[self._bite :]
            try:
                self._ready = memoryview(self._inflater.decompress(bite))
            except (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, MemoryError) as error:
                self.problem = f"the compressed data is damaged ({error})"
        size = min(len(target), len(self._ready))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


class _Counted:
    """A binary file that keeps the digest and the size of what was read."""

    def __init__(self, file: BinaryIO, *, with_digest: bool) -> None:
        self._file = file
        self._ahead = b""
        self.problem = ""
        self.size = 0
        self.digest = hashlib.sha256() if with_digest else None

    def peek(self, size: int) -> bytes:
        """The next bytes, left in place."""
        while len(self._ahead) < size:
            more = self._file.read(size - len(self._ahead))
            if not more:
                break
            self._note(more)
            self._ahead += more
        return self._ahead[:size]

    def _note(self, data: bytes | memoryview) -> None:
        self.size += len(data)
        if self.digest is not None:
            self.digest.update(data)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes."""
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        try:
            data = self._file.read(size)
        except OSError as error:
            self.problem = f"cannot be read ({error})"
            return b""
        self._note(data)
        return data

    def readinto(self, target: memoryview) -> int:
        """Fill the target as far as one read goes; 0 at the end."""
        if self._ahead:
            data = self.read(len(target))
            target[: len(data)] = data
            return len(data)
        try:
            size = self._file.readinto(target)  # type: ignore[attr-defined]
        except OSError as error:
            self.problem = f"cannot be read ({error})"
            return 0
        self._note(target[:size])
        return int(size)

    def drain(self) -> None:
        """Read what is left, for the digest."""
        if self.digest is not None:
            buffer = memoryview(bytearray(READ_BYTES))
            while not self.problem and self.readinto(buffer):
                pass


# -----------------------------------------------------------------------------------------------------------------
# capture


@dataclass(frozen=True)
class Block:
    """Some consecutive frames of a capture and the bytes they point into; valid until the next block is asked
    for.
    """

    data: np.ndarray
    frames: np.ndarray
    first_number: int
    oldest_us: int  # the frames' earliest time stamp


@dataclass
class Capture:
    """A capture file, read once from front to end.

    Parameters
    ----------
    path : Path or "-"
        "-" is standard input.
    name : str
        How messages call it.
    keep_going : bool
        Hand out frames with impossible time stamps (marked in `fault`) instead of stopping at them.
    check_times : bool
        Whether impossible time stamps are a fault at all.
    with_digest : bool
        Whether to compute the SHA-256 of the file as stored.
    """

    path: Path | str
    name: str = ""
    keep_going: bool = False
    check_times: bool = True
    with_digest: bool = True
    frames_per_block: int = FRAMES_PER_BLOCK
    read_bytes: int = READ_BYTES
    packets: int = 0
    size: int = 0
    sha256: str = ""
    links: dict[int, int] = field(default_factory=dict)
    format: str = ""

    def __post_init__(self) -> None:
        """Name the capture by its path when no name is given."""
        self.name = self.name or str(self.path)

    def blocks(self) -> Iterator[Block]:
        """Yield all frames in order.

        Raises
        ------
        CaptureFault
            After all frames before the fault have been yielded.
        OSError
            When the file cannot be opened.
        """
        if self.path == "-":
            yield from self._blocks_of(sys.stdin.buffer)
            return
        with Path(self.path).open("rb", buffering=0) as file:
            yield from self._blocks_of(file)

    def _blocks_of(self, file: Any) -> Iterator[Block]:
        counted = _Counted(file, with_digest=self.with_digest)
        try:
            magic = counted.peek(6)
            source = _Unpacked(counted, counted.read(6)) if _new_inflater(magic) else counted
            yield from _Walk(self, source).blocks()
        finally:
            counted.drain()
            self.size = counted.size
            self.sha256 = counted.digest.hexdigest() if counted.digest is not None else ""


class _Walk:
    """The state of reading one capture: a buffer, where its first byte lies in the capture, and the format."""

    def __init__(self, capture: Capture, source: _Unpacked | _Counted) -> None:
        self.capture = capture
        self.source = source
        self.buffer = np.empty(2 * capture.read_bytes, np.uint8)
        self.base = 0  # offset of buffer[0] in the capture
        self.at = 0
        self.end = 0
        self.done = False
        self.frames = np.empty(capture.frames_per_block, layout.FRAME)
        self.big = False
        self.interfaces = np.zeros((0, 4), np.int64)

    def fault(self, problem: str, at: int | None = None) -> CaptureFault:
        """A fault at the next packet."""
        offset = self.base + (self.at if at is None else at)
        return CaptureFault(self.capture.name, problem, packet=self.capture.packets + 1, offset=offset)

    def read_ahead(self) -> None:
        """Read a piece of the capture when little is left of the last one."""
        if self.end - self.at < 65536:
            self.fill(self.capture.read_bytes)

    def fill(self, wanted: int) -> bool:
        """Have at least `wanted` bytes from `at` on; False when the capture ends before."""
        if self.end - self.at >= wanted:
            return True
        self.move_to_front(wanted)
        view = self.buffer.data
        while self.end < wanted and not self.done:
            size = self.source.readinto(view[self.end : min(len(view), self.end + self.capture.read_bytes)])
            self.end += size
            self.done = size == 0
        return self.end >= wanted

    def move_to_front(self, wanted: int) -> None:
        """Move the unread bytes to the front of the buffer, of a larger one where that is needed."""
        left = self.end - self.at
        old = self.buffer
        if wanted > len(old):
            self.buffer = np.empty(wanted + self.capture.read_bytes, np.uint8)
        self.buffer[:left] = old[self.at : self.end].copy() if self.buffer is old else old[self.at : self.end]
        self.base += self.at
        self.at = 0
        self.end = left

    def word(self, ahead: int) -> int:
        """32 bits, some bytes ahead, in the byte order of the capture."""
        return int.from_bytes(
            bytes(self.buffer[self.at + ahead : self.at + ahead + 4]), "big" if self.big else "little"
        )

    def blocks(self) -> Iterator[Block]:
        """All frames; see Capture.blocks."""
        if not self.fill(4):
            problem = self.source.problem or (
                "the file is empty" if self.end == 0 else f"the file has {self.end} bytes"
            )
            raise self.fault(f"{problem}; a capture begins with a header of 24 bytes or more")
        magic = bytes(self.buffer[self.at : self.at + 4])
        if magic == b"\x0a\x0d\x0d\x0a":
            self.capture.format = "pcapng"
            yield from self.walk_pcapng()
            return
        formats = {
            b"\xd4\xc3\xb2\xa1": (False, 1),
            b"\xa1\xb2\xc3\xd4": (True, 1),
            b"\x4d\x3c\xb2\xa1": (False, 1000),
            b"\xa1\xb2\x3c\x4d": (True, 1000),
        }
        if magic not in formats:
            raise self.fault(
                f"the file begins with {magic.hex()}, which is neither pcap nor pcapng; convert it, e.g. with editcap -F pcap"
            )
        self.capture.format = "pcap"
        yield from self.walk_pcap(*formats[magic])

    def walk_pcap(self, big: bool, ticks_per_us: int) -> Iterator[Block]:
        """Frames of a classic capture."""
        self.big = big
        if not self.fill(24):
            raise self.fault(
                self.source.problem or f"the header has {self.end} of 24 bytes; the file is cut off"
            )
        link = self.word(20) & 0xFFFF
        self.at += 24
        while True:
            self.read_ahead()
            n, at, status = walk_pcap(
                self.buffer, self.at, self.end, big, ticks_per_us, link, layout.MAX_RECORD, self.room(), 0
            )
            yield from self.hand_out(n, at)
            if status == layout.WALK_BAD_LENGTH:
                length = self.word(8)
                raise self.fault(
                    f"captured length {length} exceeds {layout.MAX_RECORD}; the record header is damaged"
                )
            if status == layout.WALK_MORE and n == 0 and not self.grow_or_end(16, 16):
                return

    def grow_or_end(self, header: int, extra: int) -> bool:
        """Read the rest of a record that the buffer holds only in part; False at a clean end."""
        if not self.fill(1):
            if self.source.problem:
                raise self.fault(self.source.problem)
            return False
        if not self.fill(header):
            raise self.fault(
                self.source.problem
                or f"the file ends {self.end - self.at} bytes into a record header of {header}; it is cut off"
            )
        length_at = 8 if extra else 4
        wanted = self.word(length_at) + extra
        if wanted <= (layout.MAX_RECORD if extra else layout.MAX_BLOCK) + extra and not self.fill(wanted):
            raise self.fault(
                self.source.problem
                or f"the file ends {self.end - self.at} bytes into a record of {wanted}; it is cut off"
            )
        return True

    def room(self) -> np.ndarray:
        """Frames to fill; blocks end at each multiple of 65,536 packets, wherever the file's bytes were cut
        in reading.
        """
        return self.frames[: min(len(self.frames), STEP_PACKETS - self.capture.packets % STEP_PACKETS)]

    def hand_out(self, n: int, at: int) -> Iterator[Block]:
        """Yield walked frames, up to the first with an impossible time."""
        if n:
            capture = self.capture
            latest_us = LATEST_US if capture.check_times else layout.NEVER
            good, oldest_us, link = survey_frames(
                self.frames, n, latest_us, capture.check_times and not capture.keep_going
            )
            if good:
                first = capture.packets + 1
                capture.packets += good
                self.note_links(self.frames[:good], link)
                yield Block(self.buffer, self.frames[:good], first, oldest_us)
            if good < n:
                time_us = int(self.frames[good]["time_us"])
                raise self.fault(
                    f"impossible time stamp ({time_us} µs since 1970); skip such packets with --keep-going",
                    int(self.frames[good]["offset"]),
                )
        self.at = at

    def note_links(self, frames: np.ndarray, link: int) -> None:
        """Count packets by link type. link: that of all frames, -1 when they differ."""
        for one, n in (
            zip(*np.unique(frames["link"], return_counts=True), strict=True)
            if link < 0
            else [(link, len(frames))]
        ):
            self.capture.links[int(one)] = self.capture.links.get(int(one), 0) + int(n)

    def walk_pcapng(self) -> Iterator[Block]:
        """Frames of a pcapng capture."""
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
