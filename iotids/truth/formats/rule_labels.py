"""Label flows by rules on their packets: a flow is what the first rule says that one of its packets matches.

Precedence when several rules fit a flow: the order of the rules. Rules that would have given another class
are counted and named. Packets that belong to no flow (ARP, for one) can match, but label nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from iotids.counted import counted
from iotids.truth.filters.matching import match_packets
from iotids.truth.formats.contract import Packets
from iotids.truth.formats.rules import Rule
from iotids.truth.labelling.flow_labels import UNLABELLED, CaptureLabels, Verdict
from iotids.truth.labelling.notices import Notice


@dataclass(frozen=True)
class Bookings:
    """Packets counted per flow: (f,) in all, (r, f) matching each rule, and (r,) matching but in no flow."""

    packets: np.ndarray
    matching: np.ndarray
    in_no_flow: np.ndarray


def book_packets(rules: Sequence[Rule], batches: Iterable[pa.RecordBatch]) -> Bookings:
    """Count each flow's packets and those that match each rule.

    Parameters
    ----------
    rules : (r,) rules
    batches : packets of one capture, with their `flow_number` (-1: in no flow)
    """
    counts = np.zeros((len(rules) + 1, 0), dtype=np.int64)  # packets in all, then those matching each rule
    in_no_flow = np.zeros(len(rules), dtype=np.int64)
    n_flows = 0
    for batch in batches:
        flow_numbers = batch.column("flow_number").to_numpy(zero_copy_only=False).astype(np.int64)
        n_flows = max(n_flows, int(flow_numbers.max(initial=-1)) + 1)
        if n_flows > counts.shape[1]:
            counts = np.pad(counts, ((0, 0), (0, max(n_flows, 2 * counts.shape[1]) - counts.shape[1])))
        np.add.at(counts[0], flow_numbers[flow_numbers >= 0], 1)
        for row, rule in enumerate(rules):
            mask = (
                np.ones(batch.num_rows, dtype=bool)
                if rule.packets is None
                else match_packets(rule.packets, batch)
            )
            np.add.at(counts[row + 1], flow_numbers[mask & (flow_numbers >= 0)], 1)
            in_no_flow[row] += int((mask & (flow_numbers < 0)).sum())
    return Bookings(counts[0, :n_flows], counts[1:, :n_flows], in_no_flow)


def label_by_rules(
    capture: str,
    group: str,
    flow_numbers: np.ndarray,
    rules: Sequence[Rule],
    bookings: Bookings,
    *,
    default: Verdict | None,
) -> CaptureLabels:
    """Give each flow of a capture the verdict of the first rule that fits it.

    Parameters
    ----------
    flow_numbers : (n,) int
        Numbers of the flows to label, as in the packets' `flow_number`.
    default : Verdict or None
        For flows that no rule fits; None leaves them unlabelled.

    Raises
    ------
    ValueError
        A flow has no packets in the packet view: it was metered with other settings, or from another capture.
    """
    if len(flow_numbers) and (
        int(flow_numbers.max()) >= len(bookings.packets) or not bookings.packets[flow_numbers].all()
    ):
        raise ValueError(
            f"{capture}: some of its flows have no packets; the flow table was made from another capture or with another profile "
            "or timeout: run `dvc repro` again"
        )
    matching = bookings.matching[:, flow_numbers]
    fits = np.array(
        [
            counts == bookings.packets[flow_numbers] if rule.every else counts > 0
            for rule, counts in zip(rules, matching, strict=True)
        ]
    )
    fits = fits.reshape(len(rules), len(flow_numbers))
    verdicts = [Verdict(rule.label, rule.sublabel, rule.name) for rule in rules] + (
        [default] if default else []
    )
    unmatched = len(rules) if default else UNLABELLED
    codes = (
        np.where(fits.any(axis=0), fits.argmax(axis=0), unmatched)
        if len(rules)
        else np.full(len(flow_numbers), unmatched)
    )
    in_table = np.zeros(len(bookings.packets), dtype=bool)
    in_table[flow_numbers] = True
    notices = [
        *_disagreements(capture, rules, fits),
        *_idle_rules(capture, rules, bookings, fits, in_table),
        *_left_to_default(capture, rules, matching, codes == unmatched, default),
    ]
    not_in_table: Counter[str] = Counter()
    for row, rule in enumerate(rules):
        not_in_table[rule.label] += int(bookings.matching[row, ~in_table].sum())
    packets = {
        rule.name: int(bookings.matching[row].sum() + bookings.in_no_flow[row])
        for row, rule in enumerate(rules)
    }
    met = bool(bookings.matching.any() or bookings.in_no_flow.any())
    return CaptureLabels(
        capture,
        group,
        tuple(verdicts),
        codes.astype(np.int32),
        tuple(notices),
        packets,
        met=met,
        packets_of_unwritten_flows=dict(+not_in_table),
    )


def label_with_rules(
    capture: str,
    group: str,
    flows: pa.Table,
    packets: Packets,
    rules: Sequence[Rule],
    default: Verdict | None,
) -> CaptureLabels:
    """Label one capture; its packets are read only when a rule asks about them."""
    numbers = flows.column("flow_number").to_numpy()
    if not rules:
        codes = np.full(len(numbers), 0 if default else UNLABELLED, dtype=np.int32)
        return CaptureLabels(capture, group, (default,) if default else (), codes)
    return label_by_rules(capture, group, numbers, rules, book_packets(rules, packets()), default=default)


def _disagreements(capture: str, rules: Sequence[Rule], fits: np.ndarray) -> list[Notice]:
    """Name the pairs of rules that fit the same flow and say different things; the earlier one won."""
    pairs: Counter[tuple[int, int]] = Counter()
    overlapping = fits[:, fits.sum(axis=0) > 1]
    for column, n_flows in (
        zip(*np.unique(overlapping.T, axis=0, return_counts=True), strict=True) if overlapping.size else []
    ):
        winner, *losers = np.flatnonzero(column).tolist()
        pairs.update({(winner, loser): int(n_flows) for loser in losers})
    notices = []
    for (winner, loser), n_flows in pairs.items():
        kept, lost = rules[winner], rules[loser]
        if (kept.label, kept.sublabel) == (lost.label, lost.sublabel):
            continue
        severity, name = (
            ("warning", "rules_disagree") if kept.label != lost.label else ("info", "rules_overlap")
        )
        notices.append(
            Notice(
                name,
                severity,
                n_flows,
                f"{capture}: rule `{kept.name}` gave {kept.label} ({kept.sublabel}), rule `{lost.name}` would have given "
                f"{lost.label} ({lost.sublabel})",
            )
        )
    return notices


def _idle_rules(
    capture: str, rules: Sequence[Rule], bookings: Bookings, fits: np.ndarray, in_table: np.ndarray
) -> list[Notice]:
    """Name rules that matched no packet, or only packets outside all flows of the table."""
    notices = []
    for row, rule in enumerate(rules):
        if fits[row].any():
            continue
        outside, inside = int(bookings.in_no_flow[row]), int(bookings.matching[row].sum())
        unwritten = int((bookings.matching[row] > 0)[~in_table].sum())
        if outside + inside == 0:
            notices.append(
                Notice(
                    "rule_matches_nothing", "warning", 1, f"{capture}: rule `{rule.name}` matches no packet"
                )
            )
        elif inside == 0:
            notices.append(
                Notice(
                    "rule_matches_no_flow",
                    "info",
                    outside,
                    f"{capture}: rule `{rule.name}` matches only packets that belong to no flow, such as ARP",
                )
            )
        elif unwritten:
            notices.append(
                Notice(
                    "rule_labels_nothing",
                    "warning",
                    inside,
                    f"{capture}: rule `{rule.name}` matches packets of {counted(unwritten, 'flow')} not in the table, and labels "
                    "none: the profiles `paper` and `original` write no flow of one packet, `-S meter.profile=clean` does",
                )
            )
    return notices


def _left_to_default(
    capture: str,
    rules: Sequence[Rule],
    matching: np.ndarray,
    by_default: np.ndarray,
    default: Verdict | None,
) -> list[Notice]:
    """Name rules with `match: every` that match packets of flows which are decided by the default."""
    notices = []
    rest = f"are {default.label} by `default`" if default else "stay unlabelled"
    for row, rule in enumerate(rules):
        n_packets = matching[row, by_default]
        if not n_packets.any():
            continue
        notices.append(
            Notice(
                "rule_left_flows_to_default",
                "warning",
                int((n_packets > 0).sum()),
                f"{capture}: rule `{rule.name}` matches {counted(int(n_packets.sum()), 'packet')} of flows that {rest}, because other "
                "packets of these flows, such as answers, do not match; `match: any` would label them",
            )
        )
    return notices
