"""Everything a report says, as plain JSON: counts, incidents with reasons, what was not judged, drift, and
the model card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from iotids.detecting.judging.drift import FeatureDrift, drift_to_plain
from iotids.detecting.package.model_card import model_card
from iotids.detecting.package.package import Package
from iotids.detecting.summary.incidents import Incident
from iotids.detecting.summary.not_judged import count_not_judged
from iotids.detecting.summary.tally import Tally

N_INCIDENTS, N_HOSTS = 25, 30


def summarise(
    tally: Tally,
    drift: Sequence[FeatureDrift],
    package: Package,
    *,
    ledgers: Sequence[Mapping[str, Any]],
    status: Mapping[str, Any],
    point: Mapping[str, Any],
) -> dict[str, Any]:
    """The summary of one run of detect.

    Parameters
    ----------
    ledgers : sequence of mapping
        The packet ledger of every capture.
    status : mapping
        `complete` (bool), `why` (text) and how the run was called and how fast it was.
    point : mapping
        Which operating point was applied: log_odds, attack_probability, where it comes from, doubts.
    """
    left = count_not_judged(ledgers)
    bars = [{"start": utc_text(us), **counts} for us, counts in tally.timeline.bars()]
    return {
        "status": dict(status),
        "flows": tally.flows,
        "verdicts": tally.verdicts,
        "not_judged": asdict(left)
        | {
            "packet_share": left.packet_share,
            "flow_share": left.flow_share,
            "in_words": left.in_words(),
        },
        "classes": tally.classes,
        "unknown_because": tally.because,
        "first": utc_text(tally.first_us),
        "last": utc_text(tally.last_us),
        "days": tally.days,
        "timeline": {"bin_s": tally.timeline.bin_us / 1e6, "bars": bars},
        "attacks": [incident_to_plain(i) for i in tally.incidents.top("attack", N_INCIDENTS)],
        "unknown": [incident_to_plain(i) for i in tally.incidents.top("unknown", N_INCIDENTS)],
        "hosts": [{"host": name, **counts} for name, counts in tally.top_hosts(N_HOSTS)],
        "talkers": [{"host": name, **counts} for name, counts in tally.top_talkers(10)],
        "captures": [dict(ledger) for ledger in ledgers],
        "drift": drift_to_plain(drift),
        "operating_point": dict(point),
        "model": model_card(package),
    }


def incident_to_plain(incident: Incident) -> dict[str, Any]:
    """One incident, with where to find its strongest flow."""
    example = incident.example
    return {
        "src": incident.src,
        "dst": example["dst_ip"],
        "class": incident.label,
        "flows": incident.flows,
        "first": utc_text(incident.first_us),
        "last": utc_text(incident.last_us),
        "attack_probability": example["attack_probability"],
        "novelty": example["novelty"],
        "because": example["unknown_because"],
        "capture": example["capture"],
        "first_packet": example["first_packet"],
        "last_packet": example["last_packet"],
        "packets": example["packets"],
        "ports": f"{example['src_port']} → {example['dst_port']}",
        "protocol": example["protocol"],
        "wireshark": wireshark_filter(example),
        "reasons": example["reasons"],
    }


def wireshark_filter(flow: Mapping[str, Any]) -> str:
    """A display filter that shows a flow's packets and hardly any other."""
    family = "ipv6" if ":" in flow["src_ip"] else "ip"
    parts = [f"{family}.addr == {flow['src_ip']}", f"{family}.addr == {flow['dst_ip']}"]
    if kind := {6: "tcp", 17: "udp"}.get(flow["protocol"]):
        parts += [f"{kind}.port == {flow['src_port']}", f"{kind}.port == {flow['dst_port']}"]
    return " && ".join(
        [*parts, f"frame.number >= {flow['first_packet']}", f"frame.number <= {flow['last_packet']}"]
    )


def utc_text(time_us: int | None) -> str | None:
    """`2020-05-17 12:00:00.123456` in UTC; None stays None."""
    if time_us is None:
        return None
    seconds, us = divmod(int(time_us), 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{us:06d}"
