"""What a model card says of a cross-validation: the same figures as every table, and what the model never
predicts.
"""

from __future__ import annotations

from typing import Any

from iotids.learning.scores.runs.run_scores import RunScores

SHOWN = (
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "mcc",
    "roc_auc",
    "fpr_at_recall_95",
    "recall_at_fpr_1e-3",
    "ece",
)


def card(run: RunScores) -> dict[str, Any]:
    """By split: number of folds, what the figures are, classes never predicted, and for each metric of SHOWN
    `value` and `std` (null where the value is pooled) beside `by_capture`, every capture weighing the same.

    A new metric changes no card, so that no packed detector becomes stale by it.
    """
    return {
        split: {
            "folds": len(scored.folds),
            "figure": scored.figure,
            "unpredicted": [
                {"class": one.name, "folds": one.folds, "tested": one.tested} for one in scored.unpredicted
            ],
        }
        | {
            name: {
                "value": scored.value(name),
                "std": scored.spread(name),
                "by_capture": scored.by_capture[name],
            }
            for name in SHOWN
        }
        for split, scored in run.splits.items()
    }
