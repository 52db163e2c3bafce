"""Sections about the rows: where they come from, which repeat, how sure their labels are, what the meter made
of connections.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iotids.auditing.sections.section import Section, Table, percent


def write_counts(audit: Mapping[str, Any]) -> Section:
    """Flows per source and class, and how many recordings stand behind them."""
    counts, groups, classes = audit["counts"], audit["groups"], audit["classes"]
    rows = [
        [
            source,
            *(
                f"{counts[source][name]:,} ({groups[source][name]})" if counts[source].get(name) else "–"
                for name in classes
            ),
        ]
        for source in counts
    ]
    thin = [name for name in classes if sum(groups[source].get(name, 0) for source in counts) < 5]
    lonely = [name for name in classes if sum(1 for source in counts if counts[source].get(name)) == 1]
    return Section(
        "counts",
        "What is in it",
        f"{sum(sum(row.values()) for row in counts.values()):,} flows of {len(counts)} sources. "
        + (
            f"Only one source has flows of {', '.join(lonely)}. "
            if lonely
            else "Every class comes from two sources or more. "
        )
        + (
            f"Fewer than five recordings stand behind {', '.join(thin)}."
            if thin
            else "Every class has five recordings or more."
        ),
        "Table II of the paper has DoS and MITM from D1 only, 99.89 % of the benign flows from D3, 99.56 % of the scans from D2 and 96.71 % "
        "of Mirai from D4. Flood et al. (EuroS&P 2024) list poor diversity among their design smells.",
        "A class that one network or one recording stands for cannot be told from that network or recording. What a model scores on it is "
        "an upper bound of what it has learnt about the attack.",
        [Table("Flows per source and class; recordings (groups) in parentheses", ["source", *classes], rows)],
        ["counts"],
    )


def write_duplicates(audit: Mapping[str, Any]) -> Section:
    """Copies and contradictions."""
    exact, rounded = audit["duplicates"]["exact"], audit["duplicates"]["rounded"]
    rows = [
        [
            name,
            percent(exact["copies_share_per_class"][name]),
            percent(rounded["copies_share_per_class"][name]),
        ]
        for name in audit["classes"]
    ]
    rows.append(["all", percent(exact["copies_share"]), percent(rounded["copies_share"])])
    conflicts = [
        [pair, f"{n:,}"]
        for pair, n in sorted(exact["conflicting_rows_per_pair"].items(), key=lambda item: -item[1])
    ]
    tables = [
        Table(
            f"Share of rows that copy another (rounded: to {audit['significant_digits']} significant digits)",
            ["class", "exact", "rounded"],
            rows,
        )
    ]
    if conflicts:
        tables.append(Table("Rows whose identical features carry both labels", ["labels", "rows"], conflicts))
    return Section(
        "duplicates",
        "Copies and contradictions",
        f"{exact['distinct']:,} of {exact['rows']:,} feature vectors are distinct; {percent(exact['copies_share'])} of the rows are copies "
        f"({percent(rounded['copies_share'])} after rounding); one vector occurs {exact['largest_group']:,} times. "
        f"{exact['conflicting_rows']:,} rows share their vector with a row of another class, so no classifier of single rows can exceed "
        f"{percent(exact['best_possible_accuracy'])} on this table.",
        "IoTID20 (D1 through CICFlowMeter): 26.2 % fully duplicate rows, 293,696 distinct vectors of 625,783. Scenario 34-1 of IoT-23: "
        "15,267 of 23,145 connections equal but for time and identifier (Goldschmidt and Chudá, arXiv 2502.06688, for such counts over many "
        "datasets).",
        "Copies weight a score towards what is easy and repeated; they must not stand on both sides of a split (next section). "
        "Contradictions are the honest part of the error: a score above the bound would mean a leak.",
        tables,
        ["duplicates"],
    )


def write_twins(audit: Mapping[str, Any]) -> Section | None:
    """Test rows with a twin in training."""
    if not audit["twins"]:
        return None
    rows = []
    for split, kinds in audit["twins"].items():
        shares = {}
        for kind, folds in kinds.items():
            tested, twins = sum(fold["test_rows"] for fold in folds), sum(fold["twins"] for fold in folds)
            shares[kind] = twins / tested if tested else float("nan")
        rows.append([split, str(len(kinds["exact"])), percent(shares["exact"]), percent(shares["rounded"])])
    worst = max(rows, key=lambda row: row[2] != "–" and float(row[2].split()[0]))
    return Section(
        "twins",
        "Test rows that were seen in training",
        f"In the split `{worst[0]}` {worst[2]} of the test rows have an identical twin among the training rows of their fold.",
        "Arp et al. (USENIX Security 2022) find data snooping in 57 % and sampling bias in 60 % of 30 papers; Kostas, Just and Lones (arXiv "
        "2406.07578) show for IoT traffic that packets of one burst on both sides of a random split inflate scores.",
        "The score on a twin measures memory. Read the score of the stratified split beside those of `dup_grouped` and `grouped`; the "
        "difference is what memory contributes.",
        [
            Table(
                "Share of test rows with a twin in training, over all folds",
                ["split", "folds", "exact", "rounded"],
                rows,
            )
        ],
        ["twins"],
    )


def write_truth(audit: Mapping[str, Any]) -> Section | None:
    """How sure the labels are."""
    truth = audit["ground_truth"]
    rules = [
        [source, rule, f"{n:,}"]
        for source, counts in truth["rules"].items()
        for rule, n in sorted(counts.items(), key=lambda item: -item[1])[:6]
    ]
    notices = [
        [row["source"], row["severity"], row["name"], f"{row['count']:,}", _shorten(row["message"])]
        for row in truth["notices"]
    ]
    tables = (
        [
            Table(
                "Where the labels come from (the six commonest rules per source)",
                ["source", "rule", "flows"],
                rules,
            )
        ]
        if rules
        else []
    )
    if notices:
        tables.append(
            Table("What labelling had to say", ["source", "severity", "notice", "count", "message"], notices)
        )
    return Section(
        "ground_truth",
        "How sure the labels are",
        f"{truth['whole_capture']:,} flows ({percent(truth['whole_capture_share'])}) have the class of their whole capture; "
        f"{truth['kept_apart']:,} flows were kept apart as background or because nothing is said about them (`out/labelled/*.apart.parquet`).",
        "Lanvin et al. (CRiSIS 2022) and Engelen et al. (SPW 2021) find wrong labels in CIC-IDS2017. In D1 the filters name one direction "
        "only and Mirai was played by a laptop; D2's background is machine-made; D4's rules miss things: in scenario 42-1, 1,947 flows to "
        "one host and port look like command and control and are labelled benign (an observation, not a published claim).",
        "Where a label holds for a whole capture, background traffic carries the attack's name, and a model is asked to find the difference "
        "between two recordings. Such classes need rules per flow before a score on them is quoted.",
        tables,
    )


def _shorten(message: str, head: int = 110, tail: int = 90) -> str:
    """Leave out the middle of a long message: its beginning has the capture, its end what happened."""
    return message if len(message) <= head + tail else f"{message[:head]} … {message[-tail:]}"


def write_no_flows(audit: Mapping[str, Any]) -> Section | None:
    """Rows that are no conversation."""
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


def write_timeouts(audit: Mapping[str, Any]) -> Section:
    """Flow timeouts."""
    rows = [
        [
            row["source"],
            f"{row['flows']:,}",
            f"{row['connections']:,}",
            percent(row["continued_share"]),
            percent(row["continued_within_1s_share"]),
            percent(row["one_packet_share"]),
            percent(row["no_duration_share"]),
            f"{row['duration_s']['median']:.3g}",
            f"{row['duration_s']['p99']:.4g}",
            f"{row['duration_s']['max']:.4g}",
        ]
        for row in audit["timeouts"]
    ]
    most = max(audit["timeouts"], key=lambda row: row["continued_share"])
    header = [
        "source",
        "flows",
        "connections",
        "continued",
        "within 1 s",
        "one packet",
        "no duration",
        "median s",
        "99 % s",
        "longest s",
    ]
    return Section(
        "timeouts",
        "What the flow timeout did",
        f"In `{most['source']}` {percent(most['continued_share'])} of the rows continue an earlier row of the same connection "
        f"({percent(most['continued_within_1s_share'])} within a second of its end).",
        "Pekar and Jozsa (arXiv 2401.16843) show that the timeout changes what models score. IoTID20's longest flow is 99,984 µs: its "
        "connections were chopped every 100 ms, which multiplies rows that look alike.",
        "Rows of one connection are not independent. Where sources differ in longest duration or in the share of continued rows, the "
        "timeout is a mark of the source; meter all captures with one setting. `iotids timeouts` meters them again with other "
        "timeouts and shows what becomes of the flows, their classes and a tree's score.",
        [Table("Rows and connections (same capture, endpoints, ports and protocol)", header, rows)],
        ["durations"],
    )
