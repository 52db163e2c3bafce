"""An incident as plain JSON, with a display filter that shows its packets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from iotids.counted import counted
from iotids.detecting.incidents.catalogue import SEVERITIES, meaning_of
from iotids.detecting.incidents.in_words import actor_text, headline, ranked_classes, reason
from iotids.detecting.incidents.incident import Incident


def incident_to_plain(incident: Incident) -> dict[str, Any]:
    """Everything that is known of one incident; times are text in UTC.

    `src` and `dst` are the ends as text ("1,200 sources", "212 hosts"); `actor` and `victim` are addresses, or
    empty. `attack_probability`, `novelty`, `because`, `reasons` and `flow` are those of the strongest flow.
    """
    i, example, meaning = incident, incident.example, meaning_of(incident.label)
    return {
        "number": i.number,
        "id": i.id,
        "open": i.is_open,
        "verdict": i.verdict,
        "class": i.label,
        "classes": ranked_classes(i),
        "severity": SEVERITIES[i.severity],
        "confidence": round(i.confidence, 4),
        "score": round(i.score, 2),
        "weak": i.verdict == "attack" and not i.is_notable,
        "headline": headline(i),
        "reason": reason(i),
        "techniques": [t.number for t in meaning.techniques],
        "actor": i.actor,
        "victim": i.victim,
        "src": actor_text(i),
        "dst": i.victim or counted(len(i.victims), "host"),
        "port": None if i.only_port < 0 else i.only_port,
        "victims": len(i.victims),
        "ports": len(i.ports),
        "sources": len(i.sources),
        "flows": i.flows,
        "answers": i.answers,
        "attempts": i.attempts,
        "refused": i.refused,
        "unanswered": i.silent,
        "packets": i.packets,
        "payload_bytes": i.payload_bytes,
        "usual_targets_a_minute": i.usual,
        "first": utc_text(i.first_us),
        "last": utc_text(i.last_us),
        "first_us": i.first_us,
        "last_us": i.last_us,
        "seconds": i.seconds,
        "capture": i.first_capture,
        "last_capture": i.last_capture,
        "captures": i.captures,
        "first_packet": i.first_packet,
        "last_packet": i.last_packet,
        "wireshark": wireshark_filter(i),
        "attack_probability": example["attack_probability"],
        "novelty": example["novelty"],
        "because": example["unknown_because"],
        "reasons": i.reasons,
        "flow": {
            name: example[name]
            for name in ("src_ip", "src_port", "dst_ip", "dst_port", "protocol", "src_mac", "dst_mac")
        },
    }


def wireshark_filter(incident: Incident) -> str:
    """A display filter for the packets between actor and victim, as narrow as one expression can be."""
    i, parts = incident, []
    for address in filter(None, (i.actor, i.victim)):
        parts.append(f"{'ipv6' if ':' in address else 'ip'}.addr == {address}")
    if i.only_port > 0 and (kind := "tcp" if i.tcp == i.flows else "udp" if i.udp == i.flows else ""):
        parts.append(f"{kind}.port == {i.only_port}")
    if i.first_capture == i.last_capture:
        parts += [f"frame.number >= {i.first_packet}", f"frame.number <= {i.last_packet}"]
    else:
        parts += [f"frame.time_epoch >= {i.first_us / 1e6:.6f}", f"frame.time_epoch <= {i.last_us / 1e6:.6f}"]
    return " && ".join(parts)


def utc_text(time_us: int | None) -> str | None:
    """`2020-05-17 12:00:00.123456` in UTC; None stays None."""
    if time_us is None:
        return None
    seconds, us = divmod(int(time_us), 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{us:06d}"
