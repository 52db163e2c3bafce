"""Rows that are no conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotids.auditing.sections.section import Section, Table, percent

if TYPE_CHECKING:
    from iotids.auditing.investigate import Findings


def write_no_flows(findings: Findings) -> Section | None:
    """Rows that are no conversation."""
    audit = findings.numbers
    found, counts, classes = audit["no_flows"], audit["counts"], audit["classes"]
    if not found["rows"]:
        return None
    rows = [
        [
            source,
            *(
                percent(found["counts"][source][name] / counts[source][name]) if counts[source][name] else "–"
                for name in classes
            ),
        ]
        for source in counts
    ]
    whole = [
        f"{name} of `{source}`"
        for source in counts
        for name in classes
        if 0 < counts[source][name] == found["counts"][source][name]
    ]
    return Section(
        "no_flows",
        "Rows that are no conversations",
        f"{found['rows']:,} rows ({percent(found['rows'] / audit['rows'])}) are neither TCP nor UDP; {found['arp']:,} of them are "
        "broadcast ARP that the flow meter read as IPv4 from 8.6.0.1 to 8.0.6.4."
        + (f" Made of nothing else: {', '.join(whole)}." if whole else ""),
        "CICFlowMeter up to V4 books ICMP, fragments and whatever else has no ports under one key per address pair, and decodes frames that "
        "are no IPv4 as if they were; the flow `8.0.6.4-8.6.0.1-0-0-0` in published CIC datasets comes from there. Engelen, Rimmer and "
        "Joosen (SPW 2021) and Liu et al. (CNS 2022) correct much of this.",
        "Such rows have lengths, ports and windows of 0, and a class that owns many of them is recognised by that alone. Meter with the "
        "profile `clean` to see what remains; a rule that asks about ARP can make such a row an attack. A capture of which nothing else comes "
        "was recorded below another link layer (Linux cooked, for one): CICFlowMeter takes every frame for Ethernet, `clean` does not.",
        [Table("Share of rows that are neither TCP nor UDP", ["source", *classes], rows)],
    )
