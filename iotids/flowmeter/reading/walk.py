"""Walk over a stream of capture bytes: a buffer, where it lies in the capture, and the frames found in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.kernels.entries import survey_frames, take_apart
from iotids.flowmeter.reading import blocks
from iotids.flowmeter.reading.blocks import Block, CaptureFault
from iotids.flowmeter.reading.streams import Source

if TYPE_CHECKING:
    from iotids.flowmeter.reading.capture import Capture


class Walk:
    """The state of reading one capture: a buffer, where its first byte lies in the capture, and the format."""

    def __init__(self, capture: Capture, source: Source, *, begun: Walk | None = None) -> None:
        self.capture = capture
        self.source = source
        self.buffer: np.ndarray = (
            np.empty(2 * capture.read_bytes, np.uint8) if begun is None else begun.buffer
        )
        self.base = 0  # offset of buffer[0] in the capture
        self.at = 0
        self.end: int = 0 if begun is None else begun.end
        self.done = False
        self.frames = np.empty(capture.frames_per_block, layout.FRAME)
        self.big = False

    def blocks(self) -> Iterator[Block]:
        """All frames; see Capture.blocks."""
        raise NotImplementedError

    def fault(self, problem: str, at: int | None = None) -> CaptureFault:
        """A fault at the next packet."""
        offset = self.base + (self.at if at is None else at)
        packet = self.capture.packets - self.capture.n_extra + 1
        return CaptureFault(self.capture.name, problem, packet=packet, offset=offset)

    def read_ahead(self) -> None:
        """Read a piece of the capture when little is left of the last one; packets that arrive are not waited for."""
        if self.end - self.at < 65536 and self.capture.stopped is None:
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

    def word(self, offset: int) -> int:
        """32 bits at an offset from the current byte, in the byte order of the capture."""
        return int.from_bytes(
            bytes(self.buffer[self.at + offset : self.at + offset + 4]), "big" if self.big else "little"
        )

    def grow_or_end(self, header: int) -> bool:
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
        wanted = self.record_bytes()
        if wanted and not self.fill(wanted) and not self.is_last_record():
            raise self.fault(
                self.source.problem
                or f"the file ends {self.end - self.at} bytes into a record of {wanted}; it is cut off"
            )
        return True

    def record_bytes(self) -> int:
        """Length of the record whose header lies at `at`; 0 when it is impossible."""
        raise NotImplementedError

    def is_last_record(self) -> bool:
        """Whether the bytes left are the last record although it seems longer."""
        return False

    def room(self) -> np.ndarray:
        """Frames to fill; blocks end at each multiple of 65,536 packets, wherever the file's bytes were cut
        in reading.
        """
        return self.frames[
            : min(len(self.frames), blocks.STEP_PACKETS - self.capture.packets % blocks.STEP_PACKETS)
        ]

    def hand_out(self, n: int, at: int) -> Iterator[Block]:
        """Yield walked frames, up to the first with an impossible time."""
        if n:
            capture = self.capture
            latest_us = layout.LATEST_US if capture.check_times else layout.NEVER
            stops = capture.check_times and not capture.keep_going
            good, oldest_us, link = survey_frames(self.frames, n, latest_us, stops, capture.tallies)
            if good:
                self.note_links(self.frames[:good], link)
                if capture.take_apart and (link < 0 or link in layout.MAY_AGGREGATE):
                    yield from self.taken_apart(good, oldest_us)
                else:
                    yield self.block_of(self.frames[:good], oldest_us)
            if good < n:
                time_us = int(self.frames[good]["time_us"])
                raise self.fault(
                    f"impossible time stamp ({time_us} µs since 1970); skip such packets with --keep-going",
                    int(self.frames[good]["offset"]),
                )
        self.at = at

    def block_of(self, frames: np.ndarray, oldest_us: int) -> Block:
        """Number some frames as the capture's next packets."""
        first = self.capture.packets + 1
        self.capture.packets += len(frames)
        return Block(self.buffer, frames, first, oldest_us)

    def taken_apart(self, n: int, oldest_us: int) -> Iterator[Block]:
        """Yield walked frames, and instead of each 802.11 frame that aggregates several these."""
        frame, byte = 0, 0
        scratch = np.zeros(1, layout.PACKET)
        out = np.empty(len(self.frames), layout.FRAME)
        more = np.empty(len(out), np.uint8)
        while frame < n:
            room = out[: len(self.room())]
            frame, byte, m = take_apart(self.buffer, self.frames, n, frame, byte, scratch, room, more)
            self.capture.note_extra(np.flatnonzero(more[:m]) + self.capture.packets + 1)
            yield self.block_of(room[:m], oldest_us)

    def note_links(self, frames: np.ndarray, link: int) -> None:
        """Count packets by link type. link: that of all frames, -1 when they differ."""
        for one, n in (
            zip(*np.unique(frames["link"], return_counts=True), strict=True)
            if link < 0
            else [(link, len(frames))]
        ):
            self.capture.links[int(one)] = self.capture.links.get(int(one), 0) + int(n)
