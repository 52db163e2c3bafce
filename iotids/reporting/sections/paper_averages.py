"""Which average did the paper print? Each candidate predicts the accuracy from the row's own P and R; the
nearest is named.

Precision, recall and accuracy of one set of predictions are tied together, differently for each way to
average. So a row of Table III can be checked without its data. A cell counts as explained when the prediction
is within rounding (0.00015 for four decimals, 0.0015 for the rows whose P and R have three).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iotids.learning.scores.names import model_title
from iotids.writing.markdown import markdown_table

CANDIDATES = {
    "weighted or micro": "R is the accuracy (Weka's summary line; any support-weighted recall)",
    "one-vs-rest": "accuracy over all n x k yes/no decisions, eq. (5) summed over classes; R is the plain accuracy",
    "threshold 0.5": "accuracy over all n x k decisions 'score > 0.5', as Keras' BinaryAccuracy, Precision and Recall print them",
    "benign class": "P and R are those of the benign class alone (24 % of the flows)",
}


def predicted_accuracy(
    candidate: str, *, precision: float, recall: float, n_classes: int, benign_share: float
) -> float:
    """The accuracy that goes with this precision and recall.

    With n rows and k classes: missed = n (1 - R), claimed wrongly = n R (1 - P) / P.
    one-vs-rest: every wrong row is two wrong decisions of n k. threshold 0.5: missed and wrongly claimed,
    over n k. benign class: both kinds of error of that class, over n; they are all the errors a binary task
    has.
    """
    wrong = (1.0 - recall) + recall * (1.0 - precision) / precision
    return {
        "weighted or micro": recall,
        "one-vs-rest": 1.0 - 2.0 * (1.0 - recall) / n_classes,
        "threshold 0.5": 1.0 - wrong / n_classes,
        "benign class": 1.0 - benign_share * wrong,
    }[candidate]


def explain_rows(paper: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One dict per row of Table III: task, model, printed accuracy, the prediction of each candidate, the
    nearest, whether it explains.
    """
    counts = paper["class_counts"]
    benign_share = counts["BENIGN"] / sum(counts.values())
    rows = []
    for task, n_classes in (("binary", 2), ("multiclass", len(counts))):
        for model, (accuracy, precision, recall, f1) in paper[task].items():
            candidates = [c for c in CANDIDATES if task == "binary" or c != "benign class"]
            known = {
                "precision": precision,
                "recall": recall,
                "n_classes": n_classes,
                "benign_share": benign_share,
            }
            predictions = {c: predicted_accuracy(c, **known) for c in candidates}
            nearest = min(candidates, key=lambda c: abs(predictions[c] - accuracy))
            rounding = 0.0015 if round(precision, 3) == precision and round(recall, 3) == recall else 0.00015
            rows.append(
                {
                    "task": task,
                    "model": model,
                    "accuracy": accuracy,
                    "predicted": predictions,
                    "nearest": nearest,
                    "f1": f1,
                    "explained": abs(predictions[nearest] - accuracy) <= rounding,
                    "harmonic_f1": 2 * precision * recall / (precision + recall),
                }
            )
    return rows


def explanation_markdown(paper: Mapping[str, Any]) -> str:
    """The candidates' predictions beside the printed accuracy, row by row."""
    header = ["Task", "Alg.", "printed Acc.", *CANDIDATES, "nearest", "printed F", "2PR/(P+R)"]
    rows = []
    for row in explain_rows(paper):
        cells = [f"{row['predicted'][c]:.4f}" if c in row["predicted"] else "–" for c in CANDIDATES]
        verdict = row["nearest"] if row["explained"] else f"none ({row['nearest']} is nearest)"
        f_cells = [f"{row[name]:.4f}" for name in ("f1", "harmonic_f1")]
        rows.append(
            [row["task"], model_title(row["model"]), f"{row['accuracy']:.4f}", *cells, verdict, *f_cells]
        )
    return markdown_table(header, rows, kinds="ttn")
