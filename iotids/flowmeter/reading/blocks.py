"""What reading a capture yields: blocks of frames, or a fault that says what is wrong and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# packets of a block (about 0.5 MB) stay in the second-level cache between decoding and metering
FRAMES_PER_BLOCK = 4096
STEP_PACKETS = 65_536  # after so many, flows.py looks for flows that need no memory any more
READ_BYTES = 1 << 20


def on_one_line(name: str) -> str:
    """A file's name as messages show it: what cannot be printed is escaped."""
    return "".join(x if x.isprintable() else x.encode("unicode_escape").decode() for x in name)


class CaptureFault(ValueError):  # noqa: N818  it is the capture that is at fault
    """A capture that cannot be read to its end: what is wrong, at which packet and which byte of the
    uncompressed capture.
    """

    def __init__(self, name: str, problem: str, *, packet: int, offset: int) -> None:
        super().__init__(f"{on_one_line(name)}, packet {packet}, byte {offset}: {problem}")
        self.capture = name
        self.problem = problem
        self.packet = packet
        self.offset = offset


@dataclass(frozen=True)
class Block:
    """Some consecutive frames of a capture and the bytes they point into; valid until the next block is asked
    for.
    """

    data: np.ndarray
    frames: np.ndarray
    first_number: int
    oldest_us: int  # the frames' earliest time stamp
