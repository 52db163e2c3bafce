"""docs/results.md and the README's table: the results as a reader of the project sees them, every figure from
a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from iotids.learning.scores.metrics import find_metric
from iotids.learning.scores.names import TASKS, UNSEEN, model_title, split_title
from iotids.learning.scores.runs.run_scores import RunScores, SplitScores
from iotids.learning.scores.runs.summary import best_baseline
from iotids.reporting.fixed import Texts
from iotids.reporting.page import Content, table3_section, unseen_section, what_was_run
from iotids.reporting.sections.table3 import baselines_markdown
from iotids.writing.markdown import markdown_table, number

SHORT_TASKS = {"binary": "two classes", "multiclass": "five classes"}
CAVEAT = (
    "**The sample is simulated traffic**: its figures show that the pipeline works, not how good a detector is. The real captures show what is left "
    "on traffic that was recorded.\n"
)


def results_page(content: Content, texts: Texts) -> str:
    """results.md; pictures lie beside it."""
    c = content
    parts = [f"# Results\n\nWritten by the stage `report` from the data set `{c.data_name}`.\n", CAVEAT]
    parts += ["## At a glance\n", readme_table(c, texts.real_rows), what_was_run(c)]
    parts += ["## Figure 1: the network\n", _figure1(c)]
    parts += ["## Table II: the integrated dataset, the paper's figures in parentheses\n", texts.table2]
    parts += ["## Table III: the paper's figures and ours\n", table3_section(c), "## All models\n"]
    for task in c.tasks:
        ranked = f"{TASKS[task]}, best macro F under the {split_title(c.both[-1])} split first:\n"
        parts += [ranked, baselines_markdown(c.runs, task=task, splits=c.both)]
    parts += ["## A site left out of training\n", *unseen_section(c, pictures=False)]
    parts += ["## Figures 2 and 3: accuracy and loss per epoch\n"]
    parts += [
        f"![Figure {i}: {model_title(model)}, {SHORT_TASKS[task]}](curves_{task}.png)\n"
        for i, (task, model) in enumerate(c.figure_models.items(), start=2)
    ]
    return "\n".join([*parts, texts.other_profiles, texts.paper_size, texts.real_captures])


def readme_table(content: Content, real_rows: Sequence[Sequence[Any]]) -> str:
    """One row per row of `real_rows` that the run has: the network of the paper's figure and the best
    baseline, on the sample and on real captures; and the sentence that says what the table means.

    Parameters
    ----------
    real_rows : (task, split, metric, network, value, std, baseline, value, std)
    """
    rows = []
    for task, split, metric, *real in real_rows:
        if task in content.figure_models and split in content.splits(task):
            network, best = _shown(content, task, split)
            ours = [_cell(run.model, run.splits[split], metric) for run in (network, best) if run]
            printed = [f"{name} {number(value, std, digits=3)}" for name, value, std in (real[:3], real[3:])]
            rows.append(
                [
                    SHORT_TASKS[task],
                    split_title(split),
                    find_metric(metric).title,
                    *[*ours, "–"][:2],
                    *printed,
                ]
            )
    header = [
        "task",
        "split",
        "score",
        "sample: network",
        "best baseline",
        "real captures: network",
        "best baseline",
    ]
    return markdown_table(header, rows, kinds="tttn") + "\n" + meaning(content)


def meaning(content: Content) -> str:
    """What the table shows, every word of it from a figure."""
    said = []
    if task := next((task for task in content.figure_models if task == "multiclass"), None):
        split = content.splits(task)[0]
        run = content.runs[task, content.figure_models[task]]
        scored, n_attacks = run.splits[split], len(run.classes) - 1
        if never := [one.name for one in scored.unpredicted if one.always]:
            said.append(
                f"{model_title(run.model)}{one_seed(run)} never predicts {' and '.join(never)}, {len(never)} of the {n_attacks} attacks, so their F is 0; "
                f"its weighted F is {scored.value('f1_weighted'):.2f} all the same, and its macro F {scored.value('f1_macro'):.2f}"
            )
    for task in content.figure_models:
        splits = content.splits(task)
        for split in (s for s in splits if s in UNSEEN[:1]):
            network, best = _shown(content, task, split)
            seen, left_out = (network.splits[one].value("f1_macro") for one in (splits[0], split))
            text = f"at an unseen site the macro F of {model_title(network.model)} ({SHORT_TASKS[task]})"
            text += f" is {left_out:.2f} instead of {seen:.2f}"
            if best:
                text += f", that of the best baseline {best.splits[split].value('f1_macro'):.2f}"
            said.append(text)
    if said:
        said.append("by capture: every capture weighs the same, however many flows it has")
    return ". ".join(text[0].upper() + text[1:] for text in said) + ".\n" if said else ""


def one_seed(run: RunScores) -> str:
    """' (one seed)' of a network that was fitted once."""
    return " (one seed)" if run.params.get("orders", 1) == 1 else ""


def _shown(content: Content, task: str, split: str) -> tuple[RunScores, RunScores | None]:
    """The network of the task's figure, and the best baseline."""
    return content.runs[task, content.figure_models[task]], best_baseline(content.of(task), split)


def _cell(model: str, scored: SplitScores, metric: str) -> str:
    """DL7 0.886 ± 0.010 (by capture 0.860): over flows, and with every capture weighing the same."""
    value = f"{model_title(model)} {number(scored.value(metric), scored.spread(metric), digits=3)}"
    weighed = scored.by_capture.get(metric)
    return value if weighed is None else f"{value} (by capture {weighed:.3f})"


def _figure1(content: Content) -> str:
    """The drawing of every figure's network."""
    return "\n".join(
        f"![Figure 1: {model_title(model)}, {SHORT_TASKS[task]}](figure1_{task}.png)\n"
        for task, model in content.figure_models.items()
    )


def figure_models(drawable: Sequence[tuple[str, str]], wanted: Mapping[str, str]) -> dict[str, str]:
    """The network of Figures 1 to 3 by task: the wanted one, or the last where it was not run; tasks without
    a network are left out.

    Parameters
    ----------
    drawable : (task, model) of every network that can be drawn
    wanted : model by task
    """
    there = {task: [model for its_task, model in drawable if its_task == task] for task in wanted}
    return {
        task: wanted[task] if wanted[task] in names else names[-1] for task, names in there.items() if names
    }
