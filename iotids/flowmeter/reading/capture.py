"""Stream a capture file as blocks of frames: pcap or pcapng, plain or compressed, from a file or standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.reading.blocks import FRAMES_PER_BLOCK, READ_BYTES, Block
from iotids.flowmeter.reading.identifying import LOOK_BYTES, what_it_is
from iotids.flowmeter.reading.pcap import PCAP_MAGICS, PcapWalk
from iotids.flowmeter.reading.pcapng import PCAPNG_MAGIC, PcapngWalk
from iotids.flowmeter.reading.standard_input import Arriving
from iotids.flowmeter.reading.streams import Counted, Source, opened
from iotids.flowmeter.reading.walk import Walk


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
    stopped : callable, optional
        For standard input: yield packets as soon as they arrive, until this returns True.
    take_apart : bool
        Whether an 802.11 frame that aggregates several is given as these: packets of their own, which share its
        number as Wireshark counts.
    max_bytes : int
        How many bytes compressed input may expand to; more is a fault. 0: any number.
    """

    path: Path | str
    name: str = ""
    keep_going: bool = False
    check_times: bool = True
    with_digest: bool = True
    frames_per_block: int = FRAMES_PER_BLOCK
    read_bytes: int = READ_BYTES
    stopped: Callable[[], bool] | None = None
    max_bytes: int = 0
    take_apart: bool = False
    packets: int = 0
    size: int = 0
    sha256: str = ""
    links: dict[int, int] = field(default_factory=dict)
    format: str = ""
    tallies: np.ndarray = field(default_factory=lambda: np.zeros(layout.N_TALLIES, np.int64))

    n_extra: int = 0  # packets beyond one a frame
    _extra: np.ndarray = field(default_factory=lambda: np.zeros(16, np.int64))  # their numbers

    def __post_init__(self) -> None:
        """Name the capture by its path when no name is given."""
        self.name = self.name or str(self.path)

    def note_extra(self, numbers: np.ndarray) -> None:
        """Note packets that came out of the same frame as the packet before them."""
        needed = self.n_extra + len(numbers)
        if needed > len(self._extra):
            self._extra = np.concatenate([self._extra, np.zeros(max(needed, len(self._extra)), np.int64)])
        self._extra[self.n_extra : needed] = numbers
        self.n_extra = needed

    def frame_numbers(self, packets: np.ndarray) -> np.ndarray:
        """Numbers of the frames that packets came in, from 1 as in Wireshark, by the packets' numbers."""
        if self.n_extra == 0:
            return packets
        return packets - np.searchsorted(self._extra[: self.n_extra], packets, side="right")

    @property
    def time_carried(self) -> int:
        """Packets whose time stamp's fraction was a second or more, which was added to its seconds."""
        return int(self.tallies[layout.TIME_CARRIED])

    @property
    def time_inherited(self) -> int:
        """Packets that have no time stamp and were given that of the packet before."""
        return int(self.tallies[layout.TIME_INHERITED])

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
            yield from self._blocks_of(sys.stdin.buffer if self.stopped is None else Arriving(self.stopped))
            return
        with Path(self.path).open("rb", buffering=0) as file:
            yield from self._blocks_of(file)

    def _blocks_of(self, file: Any) -> Iterator[Block]:
        counted = Counted(file, with_digest=self.with_digest)
        try:
            yield from walk_over(self, opened(counted, max_bytes=self.max_bytes)).blocks()
        finally:
            counted.drain()
            self.size = counted.size
            self.sha256 = counted.digest.hexdigest() if counted.digest is not None else ""


def walk_over(capture: Capture, source: Source) -> Walk:
    """The walk that fits the format of a stream.

    Raises
    ------
    CaptureFault
        When it is no capture.
    """
    walk = Walk(capture, source)
    if not walk.fill(4):
        problem = source.problem or (
            "the file is empty" if walk.end == 0 else f"the file has {walk.end} bytes"
        )
        raise walk.fault(f"{problem}; a capture begins with a header of 24 bytes or more")
    magic = bytes(walk.buffer[:4])
    if magic == PCAPNG_MAGIC:
        return PcapngWalk(capture, source, begun=walk)
    if magic in PCAP_MAGICS:
        return PcapWalk(capture, source, begun=walk)
    walk.fill(LOOK_BYTES)
    raise walk.fault(what_it_is(bytes(walk.buffer[: min(walk.end, LOOK_BYTES)])))
