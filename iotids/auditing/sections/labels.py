"""How sure the labels are: rules, notices, labels of whole captures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotids.auditing.sections.section import Section, Table, percent

if TYPE_CHECKING:
    from iotids.auditing.investigate import Findings


def write_truth(findings: Findings) -> Section | None:
    """How sure the labels are."""
    audit = findings.numbers
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
