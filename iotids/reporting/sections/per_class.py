"""Precision, recall, F and support of every class, with all folds added."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iotids.learning.scores.scores import class_counts
from iotids.reporting.names import model_title, protocol_title
from iotids.reporting.results import Result
from iotids.writing.markdown import markdown_table, number

HEADER = ["task", "model", "split", "class", "precision", "recall", "f1", "support"]


def per_class_rows(result: Result) -> list[list[object]]:
    """One row per protocol and class, in the order of HEADER."""
    rows: list[list[object]] = []
    for protocol, scored in result.protocols.items():
        precision, recall, f1 = class_counts(scored.confusion)
        for k, name in enumerate(result.classes):
            figures = [float(values[k]) for values in (precision, recall, f1)]
            rows.append([result.task, result.model, protocol, name, *figures, int(scored.confusion[k].sum())])
    return rows


def per_class_markdown(results: Sequence[Result], *, protocols: Sequence[str]) -> str:
    """Recall and F of every class for each model and protocol, support in the header."""
    classes, some = results[0].classes, results[0].protocols[protocols[0]].confusion
    header = [
        "Model",
        "split",
        *(f"{name} ({int(n)})" for name, n in zip(classes, some.sum(axis=1), strict=True)),
    ]
    rows = []
    for result in results:
        for protocol in protocols:
            precision, recall, f1 = class_counts(result.protocols[protocol].confusion)
            cells = [
                " / ".join(number(_plain(v[k]), digits=3) for v in (precision, recall, f1))
                for k in range(len(classes))
            ]
            rows.append([model_title(result.model), protocol_title(protocol), *cells])
    return markdown_table(header, rows, kinds="ttn")


def _plain(value: np.floating) -> float:
    """A Python float."""
    return float(value)
