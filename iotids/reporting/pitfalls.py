"""Ten pitfalls of machine learning in security (Arp et al., USENIX Security 2022), each with the evidence of this run.

A status is computed from the run's scores and settings; where no file of a run can show that a pitfall is avoided, it
says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from iotids.learning.scores.alarms import expected_alarms
from iotids.learning.scores.names import METRIC, NOT_A_DETECTOR, UNSEEN, model_title, split_title
from iotids.learning.scores.runs.run_scores import RunScores
from iotids.writing.markdown import markdown_table

if TYPE_CHECKING:
    from iotids.reporting.page import Content  # which shows this section

AVOIDED, PARTLY, NOT_AVOIDED = "avoided", "in part", "not avoided"
SMALL = 0.02  # of macro F: what two evaluations may differ by
FEW_FLOWS, GENERATED = 100, "simulated"  # in the name of a data set
BASE_RATE, FLOWS_PER_DAY = 0.001, 100_000
INTRODUCTION = (
    "After Arp et al., *Dos and Don'ts of Machine Learning in Computer Security*, USENIX Security 2022. Figures are macro F of the "
    "best model that is neither a yardstick nor the majority class, unless another is named.\n"
)


class Pitfall(NamedTuple):
    """What Arp et al. call it, whether this run avoids it, and what shows that."""

    name: str
    status: str
    evidence: str


def pitfalls_markdown(content: Content) -> str:
    """The section of the report."""
    rows = [[f"P{i}", *one] for i, one in enumerate(pitfalls(content), start=1)]
    return INTRODUCTION + "\n" + markdown_table(["", "Pitfall", "here", "evidence"], rows, kinds="t")


def pitfalls(content: Content) -> list[Pitfall]:
    """All ten, in the order of the paper."""
    return [check(content) for check in CHECKS]


def sampling_bias(c: Content) -> Pitfall:
    """Is the data like the traffic that a detector would see?"""
    counts = _flows_per_class(c)
    rare = [f"{name} {count:,}" for name, count in counts.items() if count < FEW_FLOWS]
    made = GENERATED in c.data_name
    said = "Simulated traffic. " if made else ""
    said += "Flows per class: " + ", ".join(f"{name} {count:,}" for name, count in counts.items())
    said += f". Fewer than {FEW_FLOWS}: {', '.join(rare)}." if rare else "."
    return Pitfall("sampling bias", NOT_AVOIDED if made or rare else PARTLY, said)


def label_inaccuracy(c: Content) -> Pitfall:
    """Can the labels be right?"""
    limits = [
        f"{run.task} {run.splits[c.both[0]].value('accuracy'):.4f}"
        for run in c.runs.values()
        if run.model == "dataset_oracle"
    ]
    said = "Labels come from the datasets' own rules and were not checked flow by flow. "
    said += (
        f"The best accuracy that flows with equal features and different labels allow: {', '.join(limits)}."
        if limits
        else "No run of `dataset_oracle` says what contradictory labels allow."
    )
    return Pitfall("label inaccuracy", PARTLY if limits else NOT_AVOIDED, said)


def data_snooping(c: Content) -> Pitfall:
    """Does a model see what it is tested on?"""
    grouped = "grouped" in c.shared
    stopped = _stopped_early(c)
    said = f"Under `{c.shared[0]}` flows of one recording are on both sides"
    if grouped:
        gap = _best(c, c.shared[0]) - _best(c, "grouped")
        said += f"; under `grouped` they are not: {gap:+.4f} for the first. Both stand in every table. "
    else:
        said += ", and no grouped split was run. "
    said += f"Stopped early by their test rows: {', '.join(stopped) or 'no network'}."
    status = NOT_AVOIDED if stopped or not grouped else AVOIDED
    return Pitfall("data snooping", status, said)


def spurious_correlations(c: Content) -> Pitfall:
    """Is something learnt that has nothing to do with the attack?"""
    unseen = [split for split in c.shared if split in UNSEEN]
    single = [run for run in c.of(_task(c)) if run.model == "best_single_feature"]
    said = "No address, port or time reaches a model. "
    if single:
        said += f"One feature alone reaches {single[0].splits[c.both[-1]].value(METRIC):.4f}, all together {_best(c, c.both[-1]):.4f}. "
    if not unseen:
        return Pitfall("spurious correlations", NOT_AVOIDED, said + "No split leaves out a site.")
    drop = _best(c, c.both[-1]) - _best(c, unseen[0])
    said += f"At an unseen site the best model loses {drop:.4f} against `{c.both[-1]}`: so much is of the site. See out/audit/audit.html."
    return Pitfall("spurious correlations", AVOIDED if drop <= SMALL else NOT_AVOIDED, said)


def biased_parameters(c: Content) -> Pitfall:
    """Were parameters chosen on the test rows?"""
    networks = [run for run in c.of(_task(c)) if run.stage == "network"]
    stopped = _stopped_early(c)
    scores = [run.splits[c.both[-1]].value(METRIC) for run in networks]
    said = f"{len(networks)} networks with fixed settings are all reported"
    said += f" (from {min(scores):.4f} to {max(scores):.4f}); " if scores else "; "
    said += "calling the best of them the result would be a choice on test rows. p-values are adjusted for all pairs (Holm). "
    said += f"Epochs chosen on test rows: {', '.join(stopped) or 'none'}."
    return Pitfall("biased parameter selection", NOT_AVOIDED if stopped else AVOIDED, said)


def inappropriate_baseline(c: Content) -> Pitfall:
    """Is the network compared with what is simple?"""
    split, runs = c.both[-1], c.of(_task(c))
    simple = [run for run in runs if run.stage != "network" and run.model not in NOT_A_DETECTOR]
    yardsticks = [run for run in runs if run.model in NOT_A_DETECTOR]
    networks = [run for run in runs if run.stage == "network"]
    if not simple or not networks:
        return Pitfall("inappropriate baseline", NOT_AVOIDED, "Networks and simple models were not both run.")
    best, net = (max(some, key=lambda run: run.splits[split].value(METRIC)) for some in (simple, networks))
    said = (
        f"{len(simple)} simple models and {len(yardsticks)} yardsticks on the same folds. Best simple model: {model_title(best.model)} "
        f"{best.splits[split].value(METRIC):.4f}; best network: {model_title(net.model)} {net.splits[split].value(METRIC):.4f} "
        f"({split_title(split)})."
    )
    return Pitfall("inappropriate baseline", AVOIDED if yardsticks and len(simple) > 1 else PARTLY, said)


def inappropriate_measures(c: Content) -> Pitfall:
    """Would the measure show that a class is missed?"""
    split = c.both[-1]
    runs = [run for run in c.of(_task(c)) if run.model not in NOT_A_DETECTOR]
    worst = max(runs, key=lambda run: run.splits[split].value("accuracy") - run.splits[split].value(METRIC))
    scored = worst.splits[split]
    never = sorted({one.name for run in runs for one in run.splits[split].unpredicted if one.always})
    said = (
        f"Macro F, MCC, areas, recall per class and intervals stand next to accuracy. Why: {model_title(worst.model)} has accuracy "
        f"{scored.value('accuracy'):.4f} and macro F {scored.value(METRIC):.4f}. "
        f"Classes that some model never predicts: {', '.join(never) or 'none'}."
    )
    return Pitfall("inappropriate performance measures", AVOIDED, said)


def base_rate_fallacy(c: Content) -> Pitfall:
    """What are alarms worth where attacks are rare?"""
    split = c.both[-1]
    found = [
        (run.splits[split].value("fpr_at_recall_95"), run)
        for run in c.of(c.tasks[0])
        if run.model not in NOT_A_DETECTOR
    ]
    known = [(rate, run) for rate, run in found if rate == rate]
    if not known:
        return Pitfall(
            "base rate fallacy", NOT_AVOIDED, "No model could be ranked on benign and attack flows."
        )
    rate, run = min(known, key=lambda pair: pair[0])
    one = expected_alarms(recall=0.95, fpr=rate, base_rate=BASE_RATE, flows_per_day=FLOWS_PER_DAY)
    attacks = 1 - _share_of_benign(c)
    said = (
        f"{attacks:.0%} of the flows here are attacks. Where {BASE_RATE:.1%} are, {model_title(run.model)} at recall 0.95 gives "
        f"{one.false_alarms_per_day:,.0f} false alarms in {FLOWS_PER_DAY:,} flows, and {one.precision:.1%} of its alarms are true: see *How many "
        "false alarms?*"
    )
    return Pitfall("base rate fallacy", AVOIDED, said)


def lab_only(c: Content) -> Pitfall:
    """Was it tried where it would be used?"""
    unseen = [split_title(split) for split in c.shared if split in UNSEEN]
    said = f"Splits by {', '.join(unseen)} come closest. " if unseen else "No split leaves out a site. "
    said += "All traffic is of test beds; `iotids calibrate` and `iotids evaluate` are for one's own network, and no file of this run shows it."
    return Pitfall("lab-only evaluation", NOT_AVOIDED, said)


def threat_model(c: Content) -> Pitfall:
    """Would an attacker who knows the detector get past it?"""
    said = "No attacker adapts to the detector in this data. A flow's timing and sizes can be changed by its sender; nothing here measures how far."
    return Pitfall("inappropriate threat model", NOT_AVOIDED, said)


CHECKS: Sequence[Callable[[Content], Pitfall]] = (
    sampling_bias,
    label_inaccuracy,
    data_snooping,
    spurious_correlations,
    biased_parameters,
    inappropriate_baseline,
    inappropriate_measures,
    base_rate_fallacy,
    lab_only,
    threat_model,
)


def _task(c: Content) -> str:
    """The task with most classes."""
    return max(c.tasks, key=lambda task: len(c.of(task)[0].classes))


def _best(c: Content, split: str) -> float:
    """Macro F of the best detector on that task."""
    return max(run.splits[split].value(METRIC) for run in c.of(_task(c)) if run.model not in NOT_A_DETECTOR)


def _flows_per_class(c: Content) -> dict[str, int]:
    """Flows of every class that were tested."""
    run: RunScores = c.of(_task(c))[0]
    counts = run.splits[c.shared[0]].confusion.sum(axis=1)
    return dict(zip(run.classes, map(int, counts), strict=True))


def _share_of_benign(c: Content) -> float:
    """Of all flows; the first class is benign."""
    counts = np.array(list(_flows_per_class(c).values()))
    return float(counts[0] / counts.sum())


def _stopped_early(c: Content) -> list[str]:
    """Networks whose number of epochs was chosen by the rows that they are tested on."""
    stopped = [model_title(run.model) for run in c.runs.values() if run.params.get("patience", 0)]
    return list(dict.fromkeys(stopped))
