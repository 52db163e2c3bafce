"""The packet ledger: every packet of a capture is metered or set aside for one reason, and the sums must
agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from iotids.counted import counted
from iotids.flowmeter.names import readable_name

# in the order of the status codes in kernels/layout.py, a test compares them
REASONS: tuple[tuple[str, str], ...] = (
    ("metered", "booked to a flow"),
    ("not_ip", "no IPv4 or IPv6 inside: LLDP, spanning tree, EAPOL, ..."),
    ("arp", "address resolution, no IP packet"),
    ("unsupported_link", "link type that is not decoded"),
    ("truncated", "cut by the snapshot length before ports and flags"),
    ("malformed", "header lengths or versions contradict each other"),
    ("later_fragment", "fragment whose first fragment is not among the latest 1,024"),
    ("encrypted", "802.11 or MACsec frame with protected payload"),
    ("not_data", "802.11 management or control frame, or data frame without data"),
    ("empty", "no captured bytes"),
    ("no_ipv4", "CICFlowMeter profiles: discarded because its decoder finds no IPv4 header"),
    ("repeated_fin", "original: dropped as a further FIN of the initiator"),
    ("impossible_time", "time stamp that cannot be true"),
    ("split_header", "first fragment that ends within its TCP header; the one that completes it is metered"),
)


# what is odd about the times of packets that are metered all the same
TIMES: tuple[tuple[str, str], ...] = (
    ("out_of_order", "earlier than a packet before it"),
    ("time_carried", "sub-second part of a second or more, carried into the seconds"),
    ("time_inherited", "without a time of its own; it has that of the packet before it"),
)


class LedgerError(RuntimeError):
    """The packets of a capture do not add up; a defect of the meter."""


@dataclass
class Ledger:
    """What happened to the packets of one capture."""

    capture: str
    profile: str
    format: str = ""
    size: int = 0
    sha256: str = ""
    packets: int = 0
    aggregated: int = 0  # packets beyond one a frame: out of 802.11 frames that aggregate several
    out_of_order: int = 0
    time_carried: int = 0
    time_inherited: int = 0
    links: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    flows: int = 0
    flows_created: int = 0
    flows_not_written: int = 0
    packets_in_written_flows: int = 0
    packets_in_flows_not_written: int = 0
    complete: bool = True
    fault: str = ""

    def close(self, counts: np.ndarray) -> None:
        """Take the counts by status and check all sums.

        Raises
        ------
        LedgerError
            When packets are missing or counted twice.
        """
        self.counts = {name: int(n) for (name, _), n in zip(REASONS, counts, strict=True)}
        if sum(self.counts.values()) != self.packets:
            raise LedgerError(
                f"{self.capture}: {self.packets} packets read, {sum(self.counts.values())} in the ledger"
            )
        in_flows = self.packets_in_written_flows + self.packets_in_flows_not_written
        if in_flows != self.counts["metered"]:
            raise LedgerError(
                f"{self.capture}: {self.counts['metered']} packets metered, {in_flows} in the flows"
            )
        if self.flows + self.flows_not_written != self.flows_created:
            raise LedgerError(
                f"{self.capture}: {self.flows_created} flows begun, {self.flows} written and {self.flows_not_written} left out"
            )

    @property
    def set_aside(self) -> dict[str, int]:
        """Packets that are in no flow, by reason, without the zeros."""
        return {name: n for name, n in self.counts.items() if n and name != "metered"}

    @property
    def odd_times(self) -> dict[str, int]:
        """Packets whose time is odd, by kind, without the zeros."""
        return {name: getattr(self, name) for name, _ in TIMES if getattr(self, name)}

    def as_dict(self) -> dict[str, Any]:
        """The ledger as plain types, for JSON; reasons without packets are left out."""
        return {
            "capture": self.capture,
            "sha256": self.sha256,
            "bytes": self.size,
            "format": self.format,
            "links": self.links,
            "profile": self.profile,
            "packets": self.packets,
            "aggregated": self.aggregated,
            "metered": self.counts.get("metered", 0),
            "set_aside": self.set_aside,
            **{name: getattr(self, name) for name, _ in TIMES},
            "flows": self.flows,
            "flows_not_written": self.flows_not_written,
            "packets_in_flows_not_written": self.packets_in_flows_not_written,
            "complete": self.complete,
            "fault": self.fault,
        }

    def in_words(self) -> str:
        """One line for a person."""
        line = f"{readable_name(self.capture)}: {counted(self.packets, 'packet')}, {self.counts.get('metered', 0):,} metered into {counted(self.flows, 'flow')}"
        if self.flows_not_written:
            line += f" ({counted(self.flows_not_written, 'flow')} of one packet not written)"
        for name, n in self.set_aside.items():
            line += f", {n:,} {name.replace('_', ' ')}"
        if self.aggregated:
            line += f", {self.aggregated:,} more than frames"
        for name, n in self.odd_times.items():
            line += f", {n:,} {name.replace('_', ' ')}"
        return line + (f"; INCOMPLETE: {self.fault}" if self.fault else "")


def totals(ledgers: list[Ledger]) -> dict[str, Any]:
    """Sums over captures."""
    set_aside: dict[str, int] = {}
    for ledger in ledgers:
        for name, n in ledger.set_aside.items():
            set_aside[name] = set_aside.get(name, 0) + n
    return {
        "captures": len(ledgers),
        "packets": sum(x.packets for x in ledgers),
        "metered": sum(x.counts.get("metered", 0) for x in ledgers),
        "set_aside": set_aside,
        **{name: sum(getattr(x, name) for x in ledgers) for name, _ in TIMES},
        "flows": sum(x.flows for x in ledgers),
        "flows_not_written": sum(x.flows_not_written for x in ledgers),
        "bytes": sum(x.size for x in ledgers),
        "complete": all(x.complete for x in ledgers),
    }


def in_words(ledgers: list[Ledger], out: object, *, seconds: float) -> list[str]:
    """Lines for a person: every capture, of many only those with a fault, then the sums and the speed."""
    sums = totals(ledgers)
    lines = [ledger.in_words() for ledger in ledgers if len(ledgers) <= 20 or not ledger.complete]
    rate = sums["packets"] / max(seconds, 1e-9)
    packets, captures = counted(sums["packets"], "packet"), counted(len(ledgers), "capture")
    amount = f"{counted(sums['flows'], 'flow')} of {packets} from {captures}"
    return [*lines, f"{out}: {amount} in {seconds:.1f} s ({rate:,.0f} packets/s)"]
