"""A data sheet of the integrated dataset (Gebru et al., Datasheets for Datasets, CACM 2021), from this run's own files.

What no file of a run can answer, such as consent or funding, is left to the sources' own descriptions, and said so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from iotids.flowmeter.columns.schema import IDENTITY_NAMES, MODEL_FEATURE_NAMES
from iotids.writing.markdown import markdown_table

Summary = Mapping[str, Any]


def data_sheet(
    name: str, kinds: Mapping[str, str], summaries: Mapping[str, Summary], numbers: Mapping[str, Any]
) -> str:
    """The sheet as Markdown.

    Parameters
    ----------
    kinds : how the truth of each source is given, as in data.sources
    summaries : what labelling wrote of each source; may be empty
    numbers : the audit's own (`Findings.numbers`)
    """
    parts = [f"# Data sheet of `{name}`\n", "After Gebru et al., Datasheets for Datasets, CACM 2021.\n"]
    for title, lines in (
        ("Motivation", _motivation(kinds)),
        ("Composition", _composition(numbers)),
        ("Collection", _collection(kinds, summaries)),
        ("Preprocessing, cleaning, labelling", _labelling(summaries)),
        ("Uses", _uses(numbers)),
        ("Distribution and maintenance", DISTRIBUTION),
    ):
        parts += [f"## {title}\n", *lines, ""]
    return "\n".join(parts)


DISTRIBUTION = [
    "Terms, consent and contact are those of each source (docs/datasets.md). Flows are derived from captures by this project's meter; "
    "`params.yaml` and `dvc.lock` fix how, so the table can be made again and is not published by itself."
]


def _motivation(kinds: Mapping[str, str]) -> list[str]:
    return [
        f"Flows of {len(kinds)} networks under one set of classes, to train and test detectors of attacks on IoT devices."
    ]


def _composition(numbers: Mapping[str, Any]) -> list[str]:
    """Rows by source and class, columns, copies, contradictions."""
    classes, exact = numbers["classes"], numbers["duplicates"]["exact"]
    rows = [
        [source, *(f"{counts.get(label, 0):,}" for label in classes)]
        for source, counts in numbers["counts"].items()
    ]
    return [
        f"{numbers['rows']:,} flows; one row is one bidirectional flow. {len(MODEL_FEATURE_NAMES)} features, and {len(IDENTITY_NAMES)} columns that say "
        "which flow it is and never reach a model (addresses, ports, times, source, capture).\n",
        markdown_table(["Source", *classes], rows),
        f"{100 * exact['copies_share']:.1f} % of the rows copy an earlier one in all features; {exact['conflicting_rows']:,} rows "
        "share their features with a row of another class. Addresses of private networks and of devices are in it; payload is not.",
    ]


def _collection(kinds: Mapping[str, str], summaries: Mapping[str, Summary]) -> list[str]:
    """Captures and flows of every source."""
    rows = [
        [source, kind.replace("_", " "), *_counts(summaries.get(source))] for source, kind in kinds.items()
    ]
    return [markdown_table(["Source", "kind of truth", "captures", "flows"], rows, kinds="ttn")]


def _counts(summary: Summary | None) -> list[str]:
    return [f"{summary[key]:,}" for key in ("captures", "flows")] if summary else ["–", "–"]


def _labelling(summaries: Mapping[str, Summary]) -> list[str]:
    """What labelling left out or could not decide."""
    apart = {source: _size(one.get("kept_apart")) for source, one in summaries.items()}
    unlabelled = {source: _size(one.get("unlabelled")) for source, one in summaries.items()}
    rules = {source: len(one.get("rules") or ()) for source, one in summaries.items()}
    rows = [[s, f"{rules[s]:,}", f"{apart[s]:,}", f"{unlabelled[s]:,}"] for s in summaries]
    return [
        "Labels follow each source's own ground truth (rules, folders, device lists, logs); no flow was labelled by hand.\n",
        markdown_table(["Source", "rules that matched", "flows kept apart", "flows without a label"], rows)
        if rows
        else "Labelling left no summary here.",
    ]


def _size(found: Any) -> int:
    """How many: a number, or the sum over a mapping."""
    if isinstance(found, Mapping):
        return sum(_size(one) for one in found.values())
    return int(found) if isinstance(found, int) else len(found or ())


def _uses(numbers: Mapping[str, Any]) -> list[str]:
    """What it can be used for, and what it cannot prove."""
    rare = _rare(numbers["counts"], numbers["classes"])
    single = [label for label in numbers["classes"] if _sites(numbers["counts"], label) == 1]
    return [
        "To compare models under the same splits. A high score under random folds does not show that a detector works at another site (audit.html).",
        f"* Classes of fewer than 100 flows, of which no score is certain: {', '.join(rare) or 'none'}.",
        f"* Classes that one source alone has, so that a model can learn the source instead: {', '.join(single) or 'none'}.",
    ]


def _rare(counts: Mapping[str, Mapping[str, int]], classes: Sequence[str]) -> list[str]:
    return [label for label in classes if sum(one.get(label, 0) for one in counts.values()) < 100]


def _sites(counts: Mapping[str, Mapping[str, int]], label: str) -> int:
    return sum(one.get(label, 0) > 0 for one in counts.values())
