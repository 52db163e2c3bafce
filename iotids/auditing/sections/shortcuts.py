"""Sections about ways to the class that need no understanding of attacks: the source, one feature, features
that tell too much.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iotids.auditing.sections.section import Section, Table, percent


def write_oracle(audit: Mapping[str, Any]) -> Section:
    """The dataset oracle."""
    ours, paper = audit["oracle"]["ours"], audit["oracle"]["paper"]
    titles = {
        "multiclass_oracle": "oracle, all classes",
        "binary_oracle": "oracle, benign or attack",
        "multiclass_majority": "commonest class, all classes",
        "binary_majority": "commonest class, benign or attack",
    }
    rows = [[title, percent(ours[key]), percent(paper[key])] for key, title in titles.items()]
    return Section(
        "oracle",
        "The dataset oracle",
        "A rule that looks only at which source a flow comes from, and says that source's commonest class, is right for "
        f"{percent(ours['multiclass_oracle'])} of the flows over all classes and for {percent(ours['binary_oracle'])} between "
        "benign and attack.",
        "Computed from the paper's Table II the same rule reaches 99.58 % over five classes and 99.97 % for benign or attack, at or above "
        "nearly every figure of its Table III.",
        "A model on this dataset has to beat the oracle before its score can say anything about attacks, and even then the source probe "
        "below tells whether it could have used the same way.",
        [Table("Accuracy without looking at the traffic", ["rule", "here", "paper's Table II"], rows)],
    )


def write_probe(audit: Mapping[str, Any]) -> Section | None:
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
        f"Trees trained on half of the recordings name the source of the flows in the other half. Among flows of {best[0]} a "
        f"tree of depth 10 reaches {percent(best[1]['balanced_accuracy']['10'])} balanced accuracy (chance {percent(best[1]['chance'])}).",
        "D'hooge et al. (DIMVA 2022; PST 2022) separate datasets by single features, metadata or not, at 70 to 100 %; Vitorino et al. "
        "(arXiv 2511.08345) show that exporters alone make tables incomparable.",
        "Within one class there is no attack to recognise, so what the probe finds is the network: window sizes, timing, the time-out, the "
        "capture point. Where it is far above chance and classes and sources coincide, a good score can be a good guess of the network.",
        [
            Table(
                "Balanced accuracy of naming the source",
                ["flows of", "sources", "chance", "depth 1", "depth 3", "depth 10", "relied on"],
                rows,
            )
        ],
        ["source_probe"],
    )


def write_separability(audit: Mapping[str, Any]) -> Section:
    """One feature alone."""
    ranked = audit["separability"]
    rows = [
        [row["feature"], percent(row["classes"]), f"{row['attack_auc']:.3f}", percent(row["sources"])]
        for row in ranked[:15]
    ]
    strong = [row for row in ranked if row["attack_auc"] >= 0.9]
    return Section(
        "separability",
        "What one feature alone can do",
        f"The best single feature, `{ranked[0]['feature']}`, reaches {percent(ranked[0]['classes'])} balanced accuracy over the classes "
        f"(chance {percent(audit['class_chance'])}). {len(strong) or 'None'} of {len(ranked)} features alone rank attacks above benign flows "
        "with an area of 0.9 or more.",
        "D'hooge et al. (DIMVA 2022): the destination port alone separates ten datasets at 70 to 100 %, and some features that are no "
        "metadata do as well. Ports and addresses are no features here.",
        "If one column does most of the work, a deep network's score is no achievement of depth. Compare with the column `sources`: a "
        "feature that tells the source equally well is a shortcut rather than a symptom.",
        [
            Table(
                "The fifteen most telling features (table of 64 value ranges, fitted and measured on the same rows)",
                ["feature", "classes", "attack AUC", "sources"],
                rows,
            )
        ],
        ["separability"],
    )


def write_features(audit: Mapping[str, Any]) -> Section:
    """Near-constant, equal, correlated and impossible."""
    smells = audit["features"]
    near = [
        [name, f"{row['value']:g}", percent(row["share"])] for name, row in smells["near_constant"].items()
    ]
    impossible = [
        [
            name,
            f"{row['negative']:,}",
            f"{row['absolute_time']:,}",
            f"{row['smallest']:g}",
            f"{row['largest']:g}",
        ]
        for name, row in smells["impossible"].items()
    ]
    groups = [[", ".join(group)] for group in smells["correlated"]]
    tables = (
        [
            Table(
                f"One value in at least {percent(audit['near_constant_share'])} of the rows",
                ["feature", "value", "share"],
                near,
            )
        ]
        if near
        else []
    )
    if smells["equal"]:
        tables.append(
            Table("Equal in every row", ["features"], [[", ".join(group)] for group in smells["equal"]])
        )
    if groups:
        tables.append(Table(f"Rank correlation of {audit['correlation']} or more", ["features"], groups))
    if impossible:
        tables.append(
            Table(
                "Values that cannot be",
                ["feature", "negative", "absolute times", "smallest", "largest"],
                impossible,
            )
        )
    dated = [name for name, row in smells["impossible"].items() if row["absolute_time"]]
    n_correlated = sum(len(group) for group in smells["correlated"])
    return Section(
        "features",
        "Features that say nothing, or the same thing",
        f"{len(near)} features are constant or nearly so, {sum(len(group) - 1 for group in smells['equal'])} repeat another "
        f"exactly, {n_correlated} stand in {len(groups)} highly correlated groups, and {len(impossible)} hold values that cannot be."
        + (
            f" {', '.join(dated)} hold absolute times: they carry the date of the recording into the model."
            if dated
            else ""
        ),
        "Flood et al. (EuroS&P 2024) list highly dependent features among the smells. Ten of IoTID20's columns are constant. Versions of "
        "CICFlowMeter before mid-2020 mix absolute times of 1.5e15 µs into the idle columns, and captures out of order give negative times; "
        "Engelen, Rimmer and Joosen (SPW 2021) and Liu et al. (CNS 2022) list such errors of the tool.",
        "The 70 features hold far fewer independent ones. Importance measured one feature at a time is shared out among twins. Impossible "
        "values come from the meter's version and mark it. An absolute time is worse: recordings of other years are told apart by it alone, "
        "and with them the classes; meter with the profile `clean` or `corrected`, or leave such columns out, to see what is left.",
        tables,
        ["correlations"],
    )
