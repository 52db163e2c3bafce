"""The audit's findings as sections: what was measured, what others have published about it, what a reader should conclude."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Table:
    """A table of the page: caption, column titles, rows of text."""

    caption: str
    header: Sequence[str]
    rows: Rows


@dataclass(frozen=True)
class Section:
    """One finding."""

    key: str
    title: str
    finding: str
    published: str
    conclusion: str
    tables: Sequence[Table] = ()
    figures: Sequence[str] = field(default_factory=tuple)


def write_sections(audit: Mapping[str, Any]) -> list[Section]:
    """Put the numbers of an audit into words and tables, in the order of the page."""
    writers = [_counts, _duplicates, _twins, _oracle, _probe, _separability, _features, _truth, _no_flows, _timeouts]
    return [section for writer in writers if (section := writer(audit)) is not None]


def percent(share: float | None) -> str:
    """Write a share in percent."""
    return "–" if share is None or share != share else f"{100 * share:.2f} %"


def _counts(audit: Mapping[str, Any]) -> Section:
    """Flows per source and class, and how many recordings stand behind them."""
    counts, groups, classes = audit["counts"], audit["groups"], audit["classes"]
    rows = [[source, *(f"{counts[source].get(name, 0):,} ({groups[source].get(name, 0)})" for name in classes)] for source in counts]
    thin = [name for name in classes if sum(groups[source].get(name, 0) for source in counts) < 5]
    lonely = [name for name in classes if sum(1 for source in counts if counts[source].get(name)) == 1]
    return Section(
        "counts",
        "What is in it",
        f"{sum(sum(row.values()) for row in counts.values()):,} flows of {len(counts)} sources. "
        + (f"Only one source has flows of {', '.join(lonely)}. " if lonely else "Every class comes from two sources or more. ")
        + (f"Fewer than five recordings stand behind {', '.join(thin)}." if thin else "Every class has five recordings or more."),
        "Table II of the paper has DoS and MITM from D1 only, 99.89 % of the benign flows from D3, 99.56 % of the scans from D2 "
        "and 96.71 % of Mirai from D4. Flood et al. (EuroS&P 2024) list poor diversity among their design smells.",
        "A class that one network or one recording stands for cannot be told from that network or recording. What a model scores on it is "
        "an upper bound of what it has learnt about the attack.",
        [Table("Flows per source and class; recordings (groups) in parentheses", ["source", *classes], rows)],
        ["counts"],
    )


def _duplicates(audit: Mapping[str, Any]) -> Section:
    """Copies and contradictions."""
    exact, rounded = audit["duplicates"]["exact"], audit["duplicates"]["rounded"]
    rows = [
        [name, percent(exact["copies_share_per_class"][name]), percent(rounded["copies_share_per_class"][name])]
        for name in audit["classes"]
    ]
    rows.append(["all", percent(exact["copies_share"]), percent(rounded["copies_share"])])
    conflicts = [[pair, f"{n:,}"] for pair, n in sorted(exact["conflicting_rows_per_pair"].items(), key=lambda item: -item[1])]
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
        "IoTID20 (D1 through CICFlowMeter): 26.2 % fully duplicate rows, 293,696 distinct vectors of 625,783. Scenario 34-1 of "
        "IoT-23: 15,267 "
        "of 23,145 connections equal but for time and identifier (Goldschmidt and Chudá, arXiv 2502.06688, for such counts over "
        "many datasets).",
        "Copies weight a score towards what is easy and repeated; they must not stand on both sides of a split (next section). "
        "Contradictions are the honest part of the error: a score above the bound would mean a leak.",
        tables,
        ["duplicates"],
    )


def _twins(audit: Mapping[str, Any]) -> Section | None:
    """Test rows with a twin in training."""
    if not audit["twins"]:
        return None
    rows = []
    for protocol, kinds in audit["twins"].items():
        shares = {}
        for kind, folds in kinds.items():
            tested, twins = sum(fold["test_rows"] for fold in folds), sum(fold["twins"] for fold in folds)
            shares[kind] = twins / tested if tested else float("nan")
        rows.append([protocol, str(len(kinds["exact"])), percent(shares["exact"]), percent(shares["rounded"])])
    worst = max(rows, key=lambda row: row[2] != "–" and float(row[2].split()[0]))
    return Section(
        "twins",
        "Test rows that were seen in training",
        f"In the split `{worst[0]}` {worst[2]} of the test rows have an identical twin among the training rows of their fold.",
        "Arp et al. (USENIX Security 2022) find data snooping in 57 % and sampling bias in 60 % of 30 papers; Kostas, Just and Lones "
        "(arXiv 2406.07578) show for IoT traffic that packets of one burst on both sides of a random split inflate scores.",
        "The score on a twin measures memory. Read the score of the stratified split beside those of `dup_grouped` and `grouped`; "
        "the difference is what memory contributes.",
        [Table("Share of test rows with a twin in training, over all folds", ["split", "folds", "exact", "rounded"], rows)],
        ["twins"],
    )


def _oracle(audit: Mapping[str, Any]) -> Section:
    """The dataset oracle."""
    ours, paper = audit["oracle"]["ours"], audit["oracle"]["paper"]
    titles = {
        "multiclass_oracle": "oracle, all classes", "binary_oracle": "oracle, benign or attack", "multiclass_majority": "commonest "
        "class, all classes",
        "binary_majority": "commonest class, benign or attack",
    }  # fmt: skip
    rows = [[title, percent(ours[key]), percent(paper[key])] for key, title in titles.items()]
    return Section(
        "oracle",
        "The dataset oracle",
        f"A rule that looks only at which source a flow comes from, and says that source's commonest class, is right for "
        f"{percent(ours['multiclass_oracle'])} of the flows over all classes and for {percent(ours['binary_oracle'])} between "
        "benign and attack.",
        "Computed from the paper's Table II the same rule reaches 99.58 % over five classes and 99.97 % for benign or attack, at or above "
        "nearly every figure of its Table III.",
        "A model on this dataset has to beat the oracle before its score can say anything about attacks, and even then the source "
        "probe below tells whether it could have used the same way.",
        [Table("Accuracy without looking at the traffic", ["rule", "here", "paper's Table II"], rows)],
    )


def _probe(audit: Mapping[str, Any]) -> Section | None:
    """The source probe."""
    probes = {name: probe for name, probe in audit["source_probe"].items() if probe}
    if not probes:
        return None
    rows = [
        [
            name,
            ", ".join(probe["sources"]),
            percent(probe["chance"]),
            *(percent(probe["balanced_accuracy"][depth]) for depth in ("1", "3", "10")),
            ", ".join(probe["relied_on"][:3]),
        ]
        for name, probe in probes.items()
    ]
    best = max(probes.items(), key=lambda item: item[1]["balanced_accuracy"]["10"] - item[1]["chance"])
    return Section(
        "source_probe",
        "Can the source be read off the features?",
        f"Trees trained on half of the recordings name the source of the flows in the other half. Among flows of `{best[0]}` a "
        f"tree of depth 10 reaches {percent(best[1]['balanced_accuracy']['10'])} balanced accuracy (chance {percent(best[1]['chance'])}).",
        "D'hooge et al. (DIMVA 2022; PST 2022) separate datasets by single features, metadata or not, at 70 to 100 %; Vitorino et al. "
        "(arXiv 2511.08345) show that exporters alone make tables incomparable.",
        "Within one class there is no attack to recognise, so what the probe finds is the network: window sizes, timing, the "
        "time-out, the capture "
        "point. Where it is far above chance and classes and sources coincide, a good score can be a good guess of the network.",
        [
            Table(
                "Balanced accuracy of naming the source",
                ["flows of", "sources", "chance", "depth 1", "depth 3", "depth 10", "relied on"],
                rows,
            )
        ],
        ["source_probe"],
    )


def _separability(audit: Mapping[str, Any]) -> Section:
    """One feature alone."""
    ranked = audit["separability"]
    rows = [[row["feature"], percent(row["classes"]), f"{row['attack_auc']:.3f}", percent(row["sources"])] for row in ranked[:15]]
    strong = [row for row in ranked if row["attack_auc"] >= 0.9]
    return Section(
        "separability",
        "What one feature alone can do",
        f"The best single feature, `{ranked[0]['feature']}`, reaches {percent(ranked[0]['classes'])} balanced accuracy over the classes "
        f"(chance {percent(audit['class_chance'])}). {len(strong)} of {len(ranked)} features alone rank attacks above benign flows "
        "with an area of 0.9 or more.",
        "D'hooge et al. (DIMVA 2022): the destination port alone separates ten datasets at 70 to 100 %, and some features that are no "
        "metadata do as well. Ports and addresses are no features here.",
        "If one column does most of the work, a deep network's score is no achievement of depth. Compare with the column "
        "`sources`: a feature that tells the source equally well is a shortcut rather than a symptom.",
        [
            Table(
                "The fifteen most telling features (table of 64 value ranges, fitted and measured on the same rows)",
                ["feature", "classes", "attack AUC", "sources"],
                rows,
            )
        ],
        ["separability"],
    )


def _features(audit: Mapping[str, Any]) -> Section:
    """Near-constant, equal, correlated and impossible."""
    smells = audit["features"]
    near = [[name, f"{row['value']:g}", percent(row["share"])] for name, row in smells["near_constant"].items()]
    impossible = [
        [name, f"{row['negative']:,}", f"{row['absolute_time']:,}", f"{row['smallest']:g}", f"{row['largest']:g}"]
        for name, row in smells["impossible"].items()
    ]
    groups = [[", ".join(group)] for group in smells["correlated"]]
    tables = (
        [Table(f"One value in at least {percent(audit['near_constant_share'])} of the rows", ["feature", "value", "share"], near)]
        if near
        else []
    )
    if smells["equal"]:
        tables.append(Table("Equal in every row", ["features"], [[", ".join(group)] for group in smells["equal"]]))
    if groups:
        tables.append(Table(f"Rank correlation of {audit['correlation']} or more", ["features"], groups))
    if impossible:
        tables.append(Table("Values that cannot be", ["feature", "negative", "absolute times", "smallest", "largest"], impossible))
    dated = [name for name, row in smells["impossible"].items() if row["absolute_time"]]
    n_correlated = sum(len(group) for group in smells["correlated"])
    return Section(
        "features",
        "Features that say nothing, or the same thing",
        f"{len(near)} features are constant or nearly so, {sum(len(group) - 1 for group in smells['equal'])} repeat another "
        f"exactly, {n_correlated} stand in {len(groups)} highly correlated groups, and {len(impossible)} hold values that cannot be."
        + (f" {', '.join(dated)} hold absolute times: they carry the date of the recording into the model." if dated else ""),
        "Flood et al. (EuroS&P 2024) list highly dependent features among the smells. Ten of IoTID20's columns are constant. Versions of "
        "CICFlowMeter before mid-2020 mix absolute times of 1.5e15 µs into the idle columns, and captures out of order give negative times; "
        "Engelen, Rimmer and Joosen (SPW 2021) and Liu et al. (CNS 2022) list such errors of the tool.",
        "The 70 features hold far fewer independent ones. Importance measured one feature at a time is shared out among twins. "
        "Impossible values come from the meter's version and mark it. An absolute time is worse: recordings of other years are told apart "
        "by it alone, and with them the classes; meter with the profile `clean` or `corrected`, or leave such columns out, "
        "to see what is left.",
        tables,
        ["correlations"],
    )


def _truth(audit: Mapping[str, Any]) -> Section | None:
    """How sure the labels are."""
    truth = audit["ground_truth"]
    rules = [
        [source, rule, f"{n:,}"]
        for source, counts in truth["rules"].items()
        for rule, n in sorted(counts.items(), key=lambda item: -item[1])[:6]
    ]
    notices = [[row["source"], row["severity"], row["name"], f"{row['count']:,}", row["message"][:160]] for row in truth["notices"]]
    tables = [Table("Where the labels come from (the six commonest rules per source)", ["source", "rule", "flows"], rules)] if rules else []
    if notices:
        tables.append(Table("What labelling had to say", ["source", "severity", "notice", "count", "message"], notices))
    return Section(
        "ground_truth",
        "How sure the labels are",
        f"{truth['whole_capture']:,} flows ({percent(truth['whole_capture_share'])}) have the class of their whole capture; "
        f"{truth['kept_apart']:,} flows were kept apart because nothing usable is said about them.",
        "Lanvin et al. (CRiSIS 2022) and Engelen et al. (SPW 2021) find wrong labels in CIC-IDS2017. In D1 the filters name one "
        "direction only and "
        "Mirai was played by a laptop; D2's background is machine-made; D4's rules miss things: in scenario 42-1, 1,947 flows to "
        "one host and port look like command and control and are labelled benign (an observation, not a published claim).",
        "Where a label holds for a whole capture, background traffic carries the attack's name, and a model is asked to find the "
        "difference between two recordings. Such classes need rules per flow before a score on them is quoted.",
        tables,
    )


def _no_flows(audit: Mapping[str, Any]) -> Section | None:
    """Rows that are no conversation."""
    found, counts, classes = audit["no_flows"], audit["counts"], audit["classes"]
    if not found["rows"]:
        return None
    rows = [
        [source, *(percent(found["counts"][source][name] / counts[source][name]) if counts[source][name] else "–" for name in classes)]
        for source in counts
    ]
    return Section(
        "no_flows",
        "Rows that are no conversations",
        f"{found['rows']:,} rows ({percent(found['rows'] / audit['rows'])}) are neither TCP nor UDP; {found['arp']:,} of them are "
        "broadcast ARP "
        f"that the flow meter read as IPv4 from 8.6.0.1 to 8.0.6.4.",
        "CICFlowMeter up to V4 books ICMP, fragments and whatever else has no ports under one key per address pair, and decodes "
        "frames that are no "
        "IPv4 as if they were; the flow `8.0.6.4-8.6.0.1-0-0-0` in published CIC datasets comes from there. Engelen, Rimmer and "
        "Joosen (SPW 2021) "
        "and Liu et al. (CNS 2022) correct much of this.",
        "Such rows have lengths, ports and windows of 0, and a class that owns many of them is recognised by that alone. Meter "
        "with the profile "
        "`clean` to see what remains; a rule that asks about ARP can make such a row an attack.",
        [Table("Share of rows that are neither TCP nor UDP", ["source", *classes], rows)],
    )


def _timeouts(audit: Mapping[str, Any]) -> Section:
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
    header = ["source", "flows", "connections", "continued", "within 1 s", "one packet", "no duration", "median s", "99 % s", "longest s"]
    return Section(
        "timeouts",
        "What the flow timeout did",
        f"In {most['source']} {percent(most['continued_share'])} of the rows continue an earlier row of the same connection "
        f"({percent(most['continued_within_1s_share'])} within a second of its end).",
        "Pekar and Jozsa (arXiv 2401.16843) show that the timeout changes what models score. IoTID20's longest flow is 99,984 µs: "
        "its connections were chopped every 100 ms, which multiplies rows that look alike.",
        "Rows of one connection are not independent. Where sources differ in longest duration or in the share of continued rows, "
        "the timeout is a mark of the source; meter all captures with one setting, and compare settings before comparing scores.",
        [Table("Rows and connections (same capture, endpoints, ports and protocol)", header, rows)],
        ["durations"],
    )
