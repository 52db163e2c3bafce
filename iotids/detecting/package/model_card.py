"""The model card: what the model learned from, how it did, where it decides, and what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from iotids.detecting.package.package import Package
from iotids.detecting.summary.page_table import figure, percent, value_and_std
from iotids.writing.html import table

SHOWN = (
    "name",
    "task",
    "classes",
    "benign",
    "data",
    "meter",
    "kind",
    "settings",
    "training",
    "cross_validation",
    "calibration",
    "operating_point",
    "novelty",
    "abstention",
    "exports",
    "known_limits",
    "classes_not_found",
    "doubts",
    "versions",
)

CELLS = ("benign_right", "attacks_found", "auc_within_site")

SCORES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "macro F",
    "mcc": "MCC",
    "roc_auc": "ROC area",
    "ece": "calibration error",
}  # of those in the manifest the ones with room on the page


def model_card(package: Package) -> dict[str, Any]:
    """What a reader must know of the model, as plain JSON."""
    return {key: package.manifest[key] for key in SHOWN if key in package.manifest} | {
        "sha256": package.identity
    }


def model_card_html(model: Mapping[str, Any], point: Mapping[str, Any]) -> str:
    """The card for the report; `point` is the operating point that was applied."""
    training, own = model["training"], model["operating_point"]
    classes = ", ".join(f"{escape(c)} {n:,}" for c, n in training["flows_per_class"].items())
    recall = ", ".join(
        f"{escape(c)} {percent(r)}" for c, r in own["measured"]["recall_per_class"].items() if r is not None
    )
    trained_on = f"data set {escape(str(model.get('data', '')))}: {training['flows']:,} flows ({classes})"
    recordings = training.get("recordings", [])
    decided_at = f"attack from probability {figure(point['attack_probability'])} on (log-odds {figure(point['log_odds'])})"
    facts = [
        ("Model", f"{escape(model['name'])}, package <code>{model['sha256'][:16]}</code>"),
        ("Trained on", f"{trained_on}, profile {escape(model['meter']['profile'])}"),
        *([("Recordings", escape("; ".join(recordings)))] if recordings else []),
        ("Operating point", f"{decided_at}; {escape(point['origin'])}"),
        (
            "On labelled data",
            f"split {escape(own['split'])}, threshold of the package: "
            f"{percent(own['measured']['false_alarm_share'])} of benign flows alarm; found: {recall}",
        ),
        ("On a site it has not seen", unseen_site_in_words(own)),
        ("Abstention", abstention_html(model)),
        ("Unknown", f"further from training than {percent(model['novelty']['quantile'])} of held-out flows"),
    ]
    missed = [f"{name}: {why}" for name, why in model["classes_not_found"].items()]
    if missed:
        facts.insert(2, ("Not found", escape("; ".join(missed))))
    lines = "".join(f"<tr><th>{name}</th><td>{text}</td></tr>" for name, text in facts)
    limits = "".join(f"<li>{escape(limit)}</li>" for limit in model.get("known_limits", []))
    return (
        f"<div class='wide'><table class='facts'>{lines}</table></div>"
        f"<h3>Cross-validation, by how the data was split</h3>{cross_validation_html(model['cross_validation'])}"
        f"<h3>What other thresholds would give</h3>{choices_html(own.get('choices', []))}<h3>Known limits</h3><ul>{limits}</ul>"
    )


def unseen_site_in_words(own: Mapping[str, Any]) -> str:
    """What the package's threshold gives on sites that were left out of training, as HTML."""
    cost = own.get("unseen_site")
    if cost is None:
        return "not measured: the run has no split that leaves sites out"
    recall = ", ".join(
        f"{escape(c)} {percent(r)}" for c, r in cost["recall_per_class"].items() if r is not None
    )
    return (
        f"threshold of the package, sites left out of training in turn: {percent(cost['false_alarm_share'])} of benign flows "
        f"alarm (wanted: {percent(own['wanted_false_alarm_share'])}); found: {percent(cost['recall'])} ({recall})"
        f"{_cells_in_words(cost.get('cells'))}"
    )


def abstention_html(model: Mapping[str, Any]) -> str:
    """From how many flows the package abstains, what that promises, and what came of it, as HTML."""
    own = model.get("abstention")
    if own is None:
        return "none: every flow that is like training gets a verdict"
    text = f"{percent(own['coverage'])} of every class wanted right or undecided: {escape(own['guarantee'])}"
    for outcome, where in ((own["held_out"], "on held-out folds"), (own["unseen_site"], "on sites left out")):
        if outcome is not None:
            text += (
                f"; {where}: {percent(outcome['covered'])} covered, {percent(outcome['abstained'])} abstained from, "
                f"{percent(outcome['wrong'])} judged wrong"
            )
    return text


def _cells_in_words(cells: Mapping[str, Any] | None) -> str:
    """Shares in which every class of every site counts alike."""
    if cells is None or any(cells[name] is None for name in CELLS):
        return ""
    right, found, area = (cells[name] for name in CELLS)
    return (
        f"; every class of every site counting alike: {percent(right)} of benign flows judged right, "
        f"{percent(found)} of attacks found, ROC area within a site {figure(area)}"
        + ("" if cells.get("macro_f") is None else f", macro F {figure(cells['macro_f'])}")
    )


def choices_html(choices: Sequence[Mapping[str, Any]]) -> str:
    """What other operating points give on the labelled out-of-fold flows."""
    rows = [
        [
            percent(c["wanted_false_alarm_share"]),
            figure(c["log_odds"]),
            percent(c["false_alarm_share"]),
            percent(c["recall"]),
        ]
        for c in choices
    ]
    return table(
        ["false alarms in a typical fold", "log-odds", "false alarms over all folds", "attacks found"],
        rows,
        "n",
    )


def cross_validation_html(splits: Mapping[str, Any]) -> str:
    """Scores of the cross-validation, two rows per split: what the figures are, and which classes the model never
    predicted; below it the scores with every capture weighing the same, for captures differ in size.
    """
    names = [name for name in SCORES if any(name in part for part in splits.values())]
    rows = []
    for split, part in splits.items():
        never = [
            f"{one['class']} in {one['folds']} of {one['tested']} folds"
            for one in part.get("unpredicted", [])
        ]
        figures = [value_and_std(part.get(name)) for name in names]
        rows.append([split, part.get("figure", "mean over folds"), ", ".join(never) or "–", *figures])
        weighed = [{"value": (part.get(name) or {}).get("by_capture"), "std": None} for name in names]
        if any(one["value"] is not None for one in weighed):
            rows.append([split, "captures weigh the same", "", *map(value_and_std, weighed)])
    return table(["split", "figure", "never predicted", *(SCORES[name] for name in names)], rows, "tttn")
