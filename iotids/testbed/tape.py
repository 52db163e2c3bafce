"""The packets of one capture in the making, each with the truth about it that only its maker knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True)
class Label:
    """What a packet truly belongs to: the class of the paper and the activity within it."""

    category: str
    activity: str

    @property
    def is_attack(self) -> bool:
        """Say whether this is any kind of attack."""
        return self.category != "BENIGN"


BENIGN = Label("BENIGN", "Benign")


class Packet(NamedTuple):
    """One captured frame."""

    time_us: int
    frame: bytes
    label: Label


@dataclass
class Tape:
    """Collects frames in any order and gives them back in the order a capture would have seen them."""

    packets: list[Packet] = field(default_factory=list)

    def add(self, time_us: int, frame: bytes, label: Label) -> None:
        """Put one frame on the tape."""
        self.packets.append(Packet(time_us, frame, label))

    def in_order(self) -> list[Packet]:
        """Return all packets by time; equal times keep the order in which they were added."""
        return sorted(self.packets, key=lambda packet: packet.time_us)

    def between(self, start_us: int, end_us: int) -> Tape:
        """Return the part of the tape that a capture running from start to end (excluded) would have seen."""
        return Tape([packet for packet in self.packets if start_us <= packet.time_us < end_us])
