"""Which classes are found: precision, recall and F of every class, and the classes that a model never
predicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iotids.learning.scores.confusions import class_counts
from iotids.learning.scores.names import TASKS, model_title, split_title
from iotids.learning.scores.runs.run_scores import RunScores
from iotids.learning.scores.unpredicted import unpredicted_words
from iotids.writing.markdown import markdown_table, number

UNPREDICTED_MEANING = (
    "A class that a model never predicts has F = 0, however high the accuracy and the weighted F are. Counted are the folds that trained on the class "
    "and test rows of it.\n"
)


def per_class_markdown(results: Sequence[RunScores], *, splits: Sequence[str]) -> str:
    """Precision, recall and F of every class for each model and split, support in the header."""
    classes, some = results[0].classes, results[0].splits[splits[0]].confusion
    header = [
        "Model",
        "split",
        *(f"{name} ({int(n)})" for name, n in zip(classes, some.sum(axis=1), strict=True)),
    ]
    rows = []
    for result in results:
        for split in splits:
            figures = class_counts(result.splits[split].confusion)
            cells = [
                " / ".join(number(values[k].item(), digits=3) for values in figures)
                for k in range(len(classes))
            ]
            rows.append([model_title(result.model), split_title(split), *cells])
    return markdown_table(header, rows, kinds="ttn")


def unpredicted_markdown(results: Mapping[tuple[str, str], RunScores], *, splits: Sequence[str]) -> str:
    """A row for every model that never predicts some class, under each split; a sentence where there is none."""
    rows = []
    for (task, model), result in results.items():
        cells = [", ".join(one.words for one in result.splits[split].unpredicted) or "–" for split in splits]
        if any(cell != "–" for cell in cells):
            rows.append([TASKS[task].split()[0], model_title(model), *cells])
    if not rows:
        return UNPREDICTED_MEANING + "\nEvery model predicts every class.\n"
    header = ["Task", "Model", *(f"{split_title(split)}: never predicted" for split in splits)]
    return UNPREDICTED_MEANING + "\n" + markdown_table(header, rows, kinds="t")


def unpredicted_notes(
    results: Mapping[tuple[str, str], RunScores], *, task: str, splits: Sequence[str]
) -> str:
    """A footnote per model of a table: what it never predicts under the splits that the table shows."""
    notes = []
    for (its_task, model), result in results.items():
        if its_task == task:
            said = {split: unpredicted_words(result.splits[split].unpredicted) for split in splits}
            under = [f"{words} ({split_title(split)})" for split, words in said.items() if words]
            notes += [f"† {model_title(model)} {'; '.join(under)}."] if under else []
    return "  \n".join(notes) + "\n" if notes else ""
