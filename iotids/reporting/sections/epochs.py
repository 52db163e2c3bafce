"""The network after its last epoch, which all tables show, beside its best epoch, which nobody can choose
beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iotids.learning.scores.names import UNSEEN, model_title, split_title
from iotids.learning.scores.runs.run_scores import RunScores
from iotids.writing.markdown import markdown_table, number

MEANING = (
    "All tables show the network after its last epoch. The best epoch is chosen by the test rows themselves, which nobody can do "
    "beforehand: it is an upper bound, not a result.\n"
)


def best_epoch_markdown(results: Mapping[tuple[str, str], RunScores], *, splits: Sequence[str]) -> str:
    """Accuracy after the last epoch beside the best epoch's, mean over folds; of kinds that test after every epoch."""
    rows = []
    for (task, model), result in results.items():
        for split in splits if result.stage == "network" else ():
            if split in UNSEEN:
                continue
            scored = result.splits[split]
            if any("best_epoch" not in record for record in scored.records):
                continue  # a kind that tests nothing before its last epoch
            last = [record["epochs"] for record in scored.records]
            best = [record["best_epoch"] for record in scored.records]
            rows.append(
                [
                    task,
                    model_title(model),
                    split_title(split),
                    _range(last),
                    number(scored.mean["accuracy"]),
                    _range([b["epoch"] for b in best]),
                    number(sum(b["val_accuracy"] for b in best) / len(best)),
                ]
            )
    header = ["Task", "Alg.", "split", "last epoch", "accuracy", "best epoch", "accuracy there"]
    return MEANING + "\n" + markdown_table(header, rows, kinds="tttn")


def _range(values: Sequence[int]) -> str:
    """50, or 31 to 50."""
    return str(values[0]) if min(values) == max(values) else f"{min(values)} to {max(values)}"
