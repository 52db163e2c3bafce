"""Which packets and flows of the captures got no verdict, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iotids.counted import counted

SHOWN_REASONS = 4


@dataclass(frozen=True)
class NotJudged:
    """Packets and flows without a verdict, of how many; packets by reason, most first."""

    packets: int
    of_packets: int
    flows: int
    of_flows: int
    reasons: dict[str, int]

    @property
    def packet_share(self) -> float:
        """Share of packets that are in no judged flow; 0 without packets."""
        return self.packets / max(self.of_packets, 1)

    @property
    def flow_share(self) -> float:
        """Share of flows that got no verdict; 0 without flows."""
        return self.flows / max(self.of_flows, 1)

    def in_words(self) -> str:
        """One sentence without a full stop."""
        if self.of_packets == 0:
            return "no packet was read"
        if self.packets == 0:
            return "every packet is in a judged flow"
        shown = list(self.reasons.items())[:SHOWN_REASONS]
        rest = self.packets - sum(n for _, n in shown)
        why = ", ".join(f"{n:,} {reason}" for reason, n in shown) + (
            f", {counted(rest, 'other')}" if rest else ""
        )
        flows = f"{self.flows:,} of {counted(self.of_flows, 'flow')} ({_percent(self.flow_share)}) and "
        packets = f"{self.packets:,} of {counted(self.of_packets, 'packet')} ({_percent(self.packet_share)})"
        return f"not judged: {flows if self.flows else ''}{packets}: {why}"


def count_not_judged(ledgers: Sequence[Mapping[str, Any]]) -> NotJudged:
    """Add up the packet ledgers of some captures (Ledger.as_dict)."""
    reasons: dict[str, int] = {}
    for ledger in ledgers:
        counts = {name.replace("_", " "): n for name, n in ledger["set_aside"].items()}
        unwritten = f"in flows of one packet, which the model's profile {ledger['profile']} does not write"
        counts[unwritten] = ledger["packets_in_flows_not_written"]
        for reason, n in counts.items():
            if n:
                reasons[reason] = reasons.get(reason, 0) + n
    flows = sum(ledger["flows_not_written"] for ledger in ledgers)
    return NotJudged(
        sum(reasons.values()),
        sum(ledger["packets"] for ledger in ledgers),
        flows,
        flows + sum(ledger["flows"] for ledger in ledgers),
        dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    )


def _percent(share: float) -> str:
    """A share in words that never rounds something to nothing or to all."""
    text = f"{100 * share:.1f} %"
    return "< 0.1 %" if text == "0.0 %" else "> 99.9 %" if text == "100.0 %" and share < 1 else text
