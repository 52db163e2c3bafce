"""The report's one page: the headline first, then a section per question; big tables lie beside it as CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iotids.learning.scores.names import TASKS, UNSEEN, model_title, split_title
from iotids.learning.scores.pairs import Pair
from iotids.learning.scores.runs.run_scores import RunScores
from iotids.reporting.pitfalls import pitfalls_markdown
from iotids.reporting.sections import calibration_table, costs, false_alarms, pairwise, per_class, unseen
from iotids.reporting.sections.answers import answers_markdown
from iotids.reporting.sections.epochs import best_epoch_markdown
from iotids.reporting.sections.headline import MEANING as HEADLINE_MEANING
from iotids.reporting.sections.headline import headline_markdown
from iotids.reporting.sections.network_settings import network_settings_markdown
from iotids.reporting.sections.orders import orders_markdown, prequential_markdown
from iotids.reporting.sections.paper_averages import CANDIDATES, explain_rows, explanation_markdown
from iotids.reporting.sections.surveyed.systems import surveyed_markdown
from iotids.reporting.sections.table3 import (
    averages_markdown,
    baselines_markdown,
    paper_rows,
    splits_markdown,
    table3_markdown,
)

Runs = Mapping[tuple[str, str], RunScores]
UNSEEN_MODELS = (
    "dl4",
    "dl7",
    "hoeffding_tree",
    "naive_bayes",
    "decision_tree",
    "random_forest",
    "hist_gradient_boosting",
    "majority",
)
PER_CLASS_MODELS = ("hoeffding_tree", "naive_bayes", "hist_gradient_boosting")
FILES = {
    "table3.csv": "every average of every model beside the paper's figures",
    "false_alarms.csv": "alarms a day at several recalls and base rates",
    "reliability.csv": "the points of the reliability plots",
    "costs.csv": "times and sizes",
    "../score/scores.csv": "every score: value, standard deviation, pooled, interval, by capture",
    "../score/folds.csv": "every score of every fold",
    "../score/pairs.csv": "every model against every other",
    "../score/per_class.csv": "precision, recall, F, support and predictions of every class",
    "../score/runs": "the same by run, with confusion matrices and reliability",
}


@dataclass(frozen=True)
class Content:
    """What a page is made of.

    Attributes
    ----------
    runs : by (task, model)
    compared : pairs of models by (task, split)
    paper : paper_table3.json
    data_name : what the data set is called
    figure_models : the network of Figures 2 and 3 of each task
    """

    runs: Runs
    compared: Mapping[tuple[str, str], Sequence[Pair]]
    paper: Mapping[str, Any]
    data_name: str
    figure_models: Mapping[str, str]

    @property
    def tasks(self) -> list[str]:
        """In the order of the runs."""
        return list(dict.fromkeys(task for task, _ in self.runs))

    def of(self, task: str) -> list[RunScores]:
        """The runs of one task."""
        return [run for (its_task, _), run in self.runs.items() if its_task == task]

    def figure_run(self, task: str) -> RunScores:
        """The network of the task's figure."""
        return self.runs[task, self.figure_models[task]]

    def splits(self, task: str) -> list[str]:
        """A task's splits, the paper's first."""
        return list(self.of(task)[0].splits)

    @property
    def shared(self) -> list[str]:
        """Splits that every task was tested by, in order."""
        return [s for s in self.splits(self.tasks[0]) if all(s in self.splits(task) for task in self.tasks)]

    @property
    def both(self) -> list[str]:
        """The two splits that pictures show side by side: the paper's, and the grouped one (or else the second
        of those that have equal folds).
        """
        others = [s for s in self.shared[1:] if s == "grouped"]
        return [self.shared[0], *(others or [s for s in self.shared[1:] if s not in UNSEEN][:1])]


def report_page(content: Content) -> str:
    """report.md."""
    c = content
    parts = [
        f"# Results on the data set `{c.data_name}`\n",
        what_was_run(c),
        "## Headline\n",
        HEADLINE_MEANING,
    ]
    for task in c.tasks:
        shown = c.both + [split for split in c.splits(task) if split in UNSEEN]
        parts += [f"{TASKS[task]}:\n", headline_markdown(c.runs, task=task, splits=shown)]
    splits = {task: c.splits(task) for task in c.tasks}
    parts += ["## In plain words\n", answers_markdown(c.runs, figure_models=c.figure_models, splits=splits)]
    parts += ["## What is never predicted?\n", per_class.unpredicted_markdown(c.runs, splits=c.shared)]
    parts += ["## Table III\n", table3_section(c), "## How do all models compare?\n", *_all_models(c)]
    parts += ["## Does it work at a site that it has not seen?\n", *unseen_section(c)]
    if surveyed := [text for task in c.tasks if (text := _surveyed(c, task))]:
        parts += ["## Systems of Section III\n", *surveyed]
    parts += ["## How do accuracy and loss develop?\n", _curves(c), "### Last epoch and best epoch\n"]
    parts += [best_epoch_markdown(c.runs, splits=c.shared), *_classes(c)]
    parts += ["## How many false alarms?\n", false_alarms.MEANING]
    parts += _each(c, false_alarms.false_alarms_markdown, c.both[-1])
    parts += ["## Do the scores mean what they say?\n", calibration_table.MEANING]
    for task in c.tasks:
        table = calibration_table.calibration_markdown(c.runs, task=task, splits=c.both)
        parts += [f"{TASKS[task]}:\n", table, f"![Reliability, {task}](reliability_{task}.png)\n"]
    parts += ["## What does it cost?\n", costs.MEANING, *_each(c, costs.costs_markdown, c.both[0])]
    streaming = [text for text in (orders_markdown(c.runs), prequential_markdown(c.runs)) if text]
    parts += ["## Models that learn in one pass\n", *streaming] if streaming else []
    parts += ["## Which pitfalls are avoided?\n", pitfalls_markdown(c)]
    parts += ["## Which average did the paper print?\n", _averages(c), "## Files beside this page\n"]
    return "\n".join(
        [*parts, "\n".join(f"* [{name}]({name}): {what}" for name, what in FILES.items()) + "\n"]
    )


def what_was_run(content: Content) -> str:
    """Sizes, splits, and the settings of networks."""
    some = next(iter(content.runs.values()))
    first = some.splits[next(iter(some.splits))]
    n_rows = sum(record["test_rows"] for record in first.records)
    titles = ", ".join(split_title(split) for split in content.splits(content.tasks[0]))
    text = f"{n_rows:,} flows, {len(first.folds)} folds; splits: {titles}.\n"
    return "\n".join(filter(None, (text, network_settings_markdown(content.runs))))


def table3_section(content: Content) -> str:
    """Table III with how to read it, what its models never predict, and the notes on the paper's figures."""
    c = content
    marked = [(key.split("/"), note) for key, note in c.paper["notes"].items()]
    notes = [f"\\* {model_title(model)}, {task}, {column}: {note}." for (task, model, column), note in marked]
    shown = {key: run for key, run in c.runs.items() if key[1] in paper_rows(c.runs, c.paper)}
    never = [per_class.unpredicted_notes(shown, task=task, splits=c.both) for task in c.tasks]
    twin = ""
    if any(model == "vfdt" for _, model in c.runs):
        twin = (
            "`HT` is River's Hoeffding tree with Weka's settings; `Weka's HT` is our re-implementation of Weka's; "
            "docs/evaluation.md says how both compare with Weka itself."
        )
    return (
        "For each model, the paper's figures, then ours (mean ± standard deviation over folds): accuracy and support-weighted P, R, F, "
        f"the average of the paper's HT and NB rows; its DL rows are another (report.md: which average did the paper print?). {twin}\n\n"
        + table3_markdown(c.runs, c.paper, splits=c.both)
        + "\n"
        + "  \n".join(notes)
        + "\n"
        + "".join(f"\n{TASKS[task]}:  \n{text}" for task, text in zip(c.tasks, never, strict=True) if text)
    )


def _all_models(content: Content) -> list[str]:
    """For every task: scores under the two main splits, macro F under all, who beats whom."""
    c, parts = content, []
    for task in c.tasks:
        parts += [
            f"### {TASKS[task]}\n",
            baselines_markdown(c.runs, task=task, splits=c.both),
            f"![Macro F of every model, {task}](models_{task}.png)\n",
        ]
        if len(c.shared) > len(c.both):
            parts += ["Macro F under every split:\n", splits_markdown(c.runs, task=task, splits=c.shared)]
        mine = {split: c.compared[task, split] for split in c.both}
        titles = {split: split_title(split) for split in mine}
        parts += [pairwise.MEANING, f"![Every model against every other, {task}](pairwise_{task}.png)\n"]
        parts += [pairwise.standings_markdown([run.model for run in c.of(task)], mine, titles)]
    return parts


def unseen_section(content: Content, *, pictures: bool = True) -> list[str]:
    """For every task and split that leaves out something whole: a table of some models, a row for each thing
    left out, what these models never predict, and a picture of all.
    """
    c, parts = content, []
    for task in c.tasks:
        for split in (name for name in c.splits(task) if name in UNSEEN):
            some = [run for run in c.of(task) if run.model in UNSEEN_MODELS] or c.of(task)
            never = per_class.unpredicted_notes({(task, r.model): r for r in some}, task=task, splits=[split])
            parts += [f"{TASKS[task]}, {split_title(split)}:\n", unseen.unseen_markdown(some, split), never]
            if pictures:
                parts += [f"![Every model, {split_title(split)}, {task}](unseen_{split}_{task}.png)\n"]
    if not parts:
        return ["Not asked in this run: add `environment` or `attack` to the splits.\n"]
    return [unseen.MEANING, *parts]


def _surveyed(content: Content, task: str) -> str:
    """The systems of one task; '' without any."""
    text = surveyed_markdown(content.runs, task=task, splits=content.splits(task))
    return f"{TASKS[task]}:\n\n{text}" if text else ""


def _each(content: Content, table: Callable[..., str], split: str) -> list[str]:
    """The same table for every task, under one split."""
    return [
        text
        for task in content.tasks
        for text in (
            f"{TASKS[task]}, {split_title(split)} split:\n",
            table(content.runs, task=task, split=split),
        )
    ]


def _curves(content: Content) -> str:
    """Links to Figures 2 and 3."""
    text = "Line: mean over folds; band: ± one standard deviation. Training figures are taken during training, with dropout on.\n\n"
    for figure, (task, model) in enumerate(content.figure_models.items(), start=2):
        text += f"![Figure {figure}: {model_title(model)}, {task}](curves_{task}.png)\n\n"
    return text


def _classes(content: Content) -> list[str]:
    """The network of the figure beside HT, NB and gradient boosting, class by class."""
    c, parts = content, ["## Which classes are found?\n"]
    for task in c.tasks:
        wanted = [*([c.figure_models[task]] if task in c.figure_models else []), *PER_CLASS_MODELS]
        some = [c.runs[task, name] for name in wanted if (task, name) in c.runs] or c.of(task)
        parts += [
            f"{TASKS[task]}, precision / recall / F of each class, all folds added (support in the header):\n",
            per_class.per_class_markdown(some, splits=c.both),
            f"![Confusion matrices, {task}](confusion_{task}.png)\n",
        ]
    return parts


def _averages(content: Content) -> str:
    """The paper's rows explained, and our own predictions under every average."""
    c = content
    explained = sum(row["explained"] for row in explain_rows(c.paper))
    parts = [
        f"Accuracy follows from P and R once the average is known, so each printed row can be checked. {explained} of "
        f"{len(explain_rows(c.paper))} rows are explained to within rounding:\n",
        explanation_markdown(c.paper),
        *[f"* {name}: {meaning}" for name, meaning in CANDIDATES.items()],
        "\nSo the accuracy of the DL rows and that of the HT and NB rows are different quantities, and part of the paper's gap between "
        "them is one of averages. Our own predictions under each average:\n",
    ]
    for task in c.tasks:
        first, models = c.splits(task)[0], paper_rows(c.runs, c.paper)
        parts += [f"{TASKS[task]}, {split_title(first)} split:\n"]
        parts += [averages_markdown(c.runs, task=task, split=first, models=models)]
    return "\n".join(parts)
