"""Models that learn in one pass: how much the order of rows matters, and their run in order of time, which is
no cross-validation.
"""

from __future__ import annotations

from collections.abc import Mapping

from iotids.learning.scores.names import TASKS, UNSEEN, model_title, split_title
from iotids.learning.scores.runs.run_scores import RunScores
from iotids.writing.markdown import markdown_table, number

ORDERS_MEANING = (
    "A streaming tree sees each training row once, so its figures depend on their order; a network's depend on the seed of its weights, batches and "
    "dropout. The tables show the first of several fits; here is the standard deviation over fits beside that over folds.\n"
)
PREQUENTIAL_MEANING = (
    "Test, then train, flow by flow in order of time: every flow is judged by a model that has learned all earlier ones with their true labels, "
    "of its own recording too. It answers another question than cross-validation and must not be compared with it.\n"
)


def orders_markdown(results: Mapping[tuple[str, str], RunScores]) -> str:
    """Spread of accuracy and macro F over fits that differ by order or seed alone; empty where each fold was fitted once."""
    rows = []
    for (task, model), result in results.items():
        for split, scored in result.splits.items():
            if scored.repeat_std and split not in UNSEEN:
                spread = [
                    number(part[name])
                    for name in ("accuracy", "f1_macro")
                    for part in (scored.repeat_std, scored.std)
                ]
                rows.append([TASKS[task], model_title(model), split_title(split), *spread])
    header = [
        "Task",
        "Model",
        "split",
        "accuracy: sd over fits",
        "sd over folds",
        "macro F: sd over fits",
        "sd over folds",
    ]
    return ORDERS_MEANING + "\n" + markdown_table(header, rows, kinds="tttn") if rows else ""


def prequential_markdown(results: Mapping[tuple[str, str], RunScores]) -> str:
    """Scores over the whole run in order of time, first and last tenth apart; empty where no model was run
    so.
    """
    rows = []
    for (task, model), result in results.items():
        if (run := result.prequential) is not None:
            tenth = max(1, len(run["window_accuracy"]) // 10)
            ends = [
                sum(part) / len(part)
                for part in (run["window_accuracy"][:tenth], run["window_accuracy"][-tenth:])
            ]
            rows.append(
                [
                    TASKS[task],
                    model_title(model),
                    *(number(run["metrics"][m]) for m in ("accuracy", "f1_macro", "mcc")),
                    *map(number, ends),
                ]
            )
    header = ["Task", "Model", "accuracy", "macro F", "MCC", "accuracy, first tenth", "last tenth"]
    return PREQUENTIAL_MEANING + "\n" + markdown_table(header, rows, kinds="ttn") if rows else ""
