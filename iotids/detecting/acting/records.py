"""One incident as a record that a SIEM reads: Elastic Common Schema, Suricata's EVE, plain JSON, or a CSV row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from iotids.detecting.acting.community_id import ICMP, ICMP6, community_id
from iotids.detecting.incidents.catalogue import meaning_of
from iotids.detecting.incidents.in_words import headline, reason
from iotids.detecting.incidents.incident import Incident
from iotids.detecting.incidents.plain import incident_to_plain, utc_text

ECS_VERSION = "8.11.0"
SIGNATURE = 9_100_000  # of EVE records: the range that Suricata leaves to local rules begins at 1,000,000
EVE_TRANSPORT = {58: "IPv6-ICMP"}  # as Suricata writes it; the others in capitals
TRANSPORT = {6: "tcp", 17: "udp", 1: "icmp", 58: "ipv6-icmp", 132: "sctp"}
# fmt: off
CSV_COLUMNS = (
    "state", "number", "id", "verdict", "class", "classes", "severity", "score", "confidence", "headline", "reason", "techniques",
    "actor", "victim", "port", "victims", "ports", "sources", "flows", "answers", "attempts", "refused",
    "unanswered", "packets", "payload_bytes", "first", "last", "capture", "captures", "first_packet",
    "last_packet", "community_id", "wireshark",
)
# fmt: on


def ecs_record(incident: Incident) -> dict[str, Any]:
    """Fields of the Elastic Common Schema; what it has no field for stands below `iotids`."""
    i, flow, meaning = incident, oriented_flow(incident), meaning_of(incident.label)
    plain = incident_to_plain(i)
    threat = {
        "framework": "MITRE ATT&CK",
        "technique": {
            "id": [t.number for t in meaning.techniques],
            "name": [t.name for t in meaning.techniques],
            "reference": [t.address for t in meaning.techniques],
        },
        "tactic": {"name": list(dict.fromkeys(t.tactic for t in meaning.techniques))},
    }
    source = {"ip": flow["src_ip"], "port": flow["src_port"], "mac": _ecs_mac(flow["src_mac"])}
    target = {"ip": flow["dst_ip"], "port": flow["dst_port"], "mac": _ecs_mac(flow["dst_mac"])}
    # fmt: off
    record = {
        "@timestamp": _iso(i.first_us),
        "ecs": {"version": ECS_VERSION},
        "message": f"{headline(i)}: {reason(i)}",
        "event": {
            "id": i.id,
            "kind": "alert",
            "category": ["intrusion_detection", "network"],
            "type": ["info"],
            "action": "incident-began" if i.is_open else "incident-ended",
            "module": "iotids",
            "dataset": "iotids.incident",
            "start": _iso(i.first_us),
            "end": _iso(i.last_us),
            "duration": (i.last_us - i.first_us) * 1000,
            "severity": i.severity,
            "risk_score": round(i.score, 2),
            "reason": reason(i),
        },
        "rule": {"name": i.label, "category": meaning.does},
        "source": source,
        "destination": target,
        "network": {
            "transport": TRANSPORT.get(flow["protocol"]),
            "iana_number": str(flow["protocol"]),
            "packets": i.packets,
            "community_id": _community_id(flow),
        },
        "related": {"ip": sorted({flow["src_ip"], flow["dst_ip"], *filter(None, (i.actor, i.victim))})},
        "observer": {"type": "ids", "product": "iotids", "vendor": "iotids"},
        "threat": threat if meaning.techniques else None,
        "iotids": {
            name: plain[name]
            for name in (
                "number", "verdict", "class", "classes", "confidence", "headline", "victims", "ports", "sources",
                "flows", "answers", "attempts", "refused", "unanswered", "payload_bytes", "capture",
                "captures", "first_packet", "last_packet", "wireshark",
            )
        },
    }
    # fmt: on
    return without_empty(record)


def eve_record(incident: Incident) -> dict[str, Any]:
    """An `alert` as Suricata's eve.json has them; severity 1 is the highest there."""
    i, flow, meaning = incident, oriented_flow(incident), meaning_of(incident.label)
    record = {
        "timestamp": _iso(i.first_us).replace("Z", "+0000"),
        "flow_id": int(i.id[:13], 16),
        "event_type": "alert",
        "src_ip": flow["src_ip"],
        "src_port": flow["src_port"] or None,
        "dest_ip": flow["dst_ip"],
        "dest_port": flow["dst_port"] or None,
        "proto": EVE_TRANSPORT.get(
            flow["protocol"], TRANSPORT.get(flow["protocol"], f"{flow['protocol']:03d}").upper()
        ),
        "community_id": _community_id(flow),
        "pcap_filename": i.first_capture,
        "pcap_cnt": i.first_packet,
        "alert": {
            "action": "allowed",
            "gid": 1,
            "signature_id": SIGNATURE + int(hashlib.sha256(i.label.encode()).hexdigest()[:4], 16),
            "rev": 1,
            "signature": f"iotids {i.label}: {headline(i)}",
            "category": meaning.techniques[0].name if meaning.techniques else "Attack",
            "severity": max(1, 4 - i.severity),
            "metadata": {
                "incident_id": [i.id],
                "incident_number": [str(i.number)],
                "mitre_technique_id": [t.number for t in meaning.techniques],
                "mitre_technique_name": [t.name for t in meaning.techniques],
                "mitre_tactic_name": list(dict.fromkeys(t.tactic for t in meaning.techniques)),
                "confidence": [f"{i.confidence:.4f}"],
                "reason": [reason(i)],
                "state": ["began" if i.is_open else "ended"],
                "captures": i.captures,
            },
        },
        "flow": {
            "start": _iso(i.first_us).replace("Z", "+0000"),
            "end": _iso(i.last_us).replace("Z", "+0000"),
        },
    }
    return without_empty(record)


def json_record(incident: Incident) -> dict[str, Any]:
    """Everything that is known, as in the summary."""
    plain = incident_to_plain(incident)
    state = "began" if incident.is_open else "ended"
    return {
        "state": state,
        **plain,
        "community_id": _community_id(plain["flow"]),
    }


def csv_row(incident: Incident) -> list[str]:
    """Texts of CSV_COLUMNS; none of them is a formula to a spreadsheet."""
    record = json_record(incident)
    record["techniques"] = " ".join(record["techniques"])
    record["classes"] = "; ".join(f"{label} {flows}" for label, flows in record["classes"].items())
    record["captures"] = "; ".join(record["captures"])
    return [_cell(record[name]) for name in CSV_COLUMNS]


RECORDS: dict[str, Callable[[Incident], Mapping[str, Any]]] = {
    "ecs": ecs_record,
    "eve": eve_record,
    "json": json_record,
}


def oriented_flow(incident: Incident) -> dict[str, Any]:
    """Ends of the strongest flow, from the actor to the victim also where the victim began it."""
    flow = dict(incident.example)
    if (incident.actor and flow["src_ip"] != incident.actor) or (
        not incident.actor and flow["src_ip"] == incident.victim
    ):
        for name in ("ip", "port", "mac"):
            flow[f"src_{name}"], flow[f"dst_{name}"] = flow[f"dst_{name}"], flow[f"src_{name}"]
    return flow


def safe_text(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def without_empty(content: Any) -> Any:
    """Leave out what is not known: None, and the parts that hold nothing else."""
    if isinstance(content, dict):
        kept = {key: without_empty(value) for key, value in content.items()}
        return {key: value for key, value in kept.items() if value is not None and value not in ({}, [])}
    return content


def _cell(value: Any) -> str:
    """One CSV cell."""
    if value is None:
        return ""
    return safe_text(value) if isinstance(value, str) else str(value)


def _community_id(flow: Mapping[str, Any]) -> str | None:
    """None where type and code of an ICMP flow would be needed, and without addresses of one family."""
    if flow["protocol"] in (ICMP, ICMP6):
        return None
    try:
        return community_id(
            *(flow[name] for name in ("src_ip", "dst_ip", "protocol", "src_port", "dst_port"))
        )
    except ValueError:
        return None


def _ecs_mac(mac: str) -> str | None:
    """ECS writes MAC addresses in capitals with hyphens (RFC 7042)."""
    return mac.upper().replace(":", "-") or None


def _iso(time_us: int) -> str:
    """ISO 8601 in UTC."""
    return f"{utc_text(time_us)}Z".replace(" ", "T")
