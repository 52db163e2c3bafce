"""The report's one page, and its block for the README: the headline first, then a section per question; big
tables lie beside it as CSV.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from iotids.reporting.names import TASKS, UNSEEN, is_network, model_title, protocol_title
from iotids.reporting.results import Result
from iotids.reporting.sections import calibration_table, certainty, costs, false_alarms, pairwise
from iotids.reporting.sections.answers import answers_markdown
from iotids.reporting.sections.certainty import headline_markdown
from iotids.reporting.sections.epochs import best_epoch_markdown
from iotids.reporting.sections.orders import orders_markdown, prequential_markdown
from iotids.reporting.sections.paper_averages import CANDIDATES, explain_rows, explanation_markdown
from iotids.reporting.sections.per_class import per_class_markdown
from iotids.reporting.sections.table3 import (
    averages_markdown,
    baselines_markdown,
    paper_rows,
    splits_markdown,
    table3_markdown,
)
from iotids.reporting.sections.unseen import MEANING as UNSEEN_MEANING
from iotids.reporting.sections.unseen import unseen_markdown

Results = Mapping[tuple[str, str], Result]
Pairs = Mapping[tuple[str, str], Sequence[pairwise.Pair]]
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
FILES = {
    "table3.csv": "every average of every model beside the paper's figures",
    "scores.csv": "every score: mean, standard deviation, pooled",
    "folds.csv": "every score of every fold",
    "intervals.csv": "bootstrap intervals",
    "pairwise.csv": "every model against every other",
    "per_class.csv": "precision, recall, F and support of every class",
    "false_alarms.csv": "alarms a day at several recalls and base rates",
    "reliability.csv": "the points of the reliability plots",
    "costs.csv": "times and sizes",
    "confusions.json": "confusion matrices",
}


def report_page(
    results: Results,
    paper: Mapping[str, Any],
    compared: Pairs,
    *,
    data_name: str,
    protocols: Mapping[str, Sequence[str]],
    figure_models: Mapping[str, str],
) -> str:
    """report.md. `protocols` lists each task's splits, the paper's first; `figure_models` the network of
    Figures 2 and 3.
    """
    shared = shared_protocols(protocols)
    both = headline(shared)
    parts = [
        f"# Results on the data set `{data_name}`\n",
        _what_was_run(results, data_name, protocols),
        "## Headline\n",
        certainty.MEANING,
    ]
    for task in protocols:
        parts += [
            f"{TASKS[task]}:\n",
            headline_markdown(
                results, task=task, protocols=both + [p for p in protocols[task] if p in UNSEEN]
            ),
        ]
    parts += [
        "## In plain words\n",
        answers_markdown(results, figure_models=figure_models, protocols=protocols),
    ]
    parts += ["## Table III\n", table3_section(results, paper, protocols=both)]
    parts += ["## How do all models compare?\n", *_all_models(results, compared, shared, protocols)]
    parts += ["## Does it work on a network that it has not seen?\n", *_unseen(results, protocols)]
    parts += [
        "## How do accuracy and loss develop?\n",
        _curves(figure_models),
        "### Last epoch and best epoch\n",
    ]
    parts += [best_epoch_markdown(results, protocols=shared), "## Which classes are told apart?\n"]
    for task, model in figure_models.items():
        parts += [
            f"{TASKS[task]}, precision / recall / F of each class, all folds added (support in the header):\n"
        ]
        parts += [
            _per_class(results, task, model, both),
            f"![Confusion matrices, {task}](confusion_{task}.png)\n",
        ]
    parts += [
        "## How many false alarms?\n",
        false_alarms.MEANING,
        *_each(protocols, false_alarms.false_alarms_markdown, results, protocol=both[-1]),
    ]
    parts += ["## Do the scores mean what they say?\n", calibration_table.MEANING]
    for task in protocols:
        parts += [
            f"{TASKS[task]}:\n",
            calibration_table.calibration_markdown(results, task=task, protocols=both),
        ]
        parts += [f"![Reliability, {task}](reliability_{task}.png)\n"]
    parts += [
        "## What does it cost?\n",
        costs.MEANING,
        *_each(protocols, costs.costs_markdown, results, protocol=both[0]),
    ]
    streaming = [text for text in (orders_markdown(results), prequential_markdown(results)) if text]
    parts += ["## Models that learn in one pass\n", *streaming] if streaming else []
    parts += ["## Which average did the paper print?\n", _averages(results, paper, protocols)]
    parts += [
        "## Files beside this page\n",
        "\n".join(f"* [{name}]({name}): {what}" for name, what in FILES.items()) + "\n",
    ]
    return "\n".join(parts)


def readme_tables(
    results: Results, paper: Mapping[str, Any], *, data_name: str, protocols: Mapping[str, Sequence[str]]
) -> str:
    """Table III and the models beside it, as the README shows them."""
    shared = headline(shared_protocols(protocols))
    parts = [
        f"Data set `{data_name}`; mean ± standard deviation over folds.\n",
        table3_section(results, paper, protocols=shared),
    ]
    for task in protocols:
        parts += [
            f"{TASKS[task]}, every model (best macro F under the {protocol_title(shared[-1])} split first):\n"
        ]
        parts += [baselines_markdown(results, task=task, protocols=shared)]
    unseen = [part for part in _unseen(results, protocols) if not part.startswith("![")]
    return "\n".join([*parts, *unseen])


def shared_protocols(protocols: Mapping[str, Sequence[str]]) -> list[str]:
    """Splits that every task was tested by, in order."""
    lists = list(protocols.values())
    return [protocol for protocol in lists[0] if all(protocol in other for other in lists)]


def headline(protocols: Sequence[str]) -> list[str]:
    """The two splits that pictures and the README show: the paper's, and the grouped one (or else the second
    of those that have equal folds).
    """
    others = [protocol for protocol in protocols[1:] if protocol == "grouped"] or [
        p for p in protocols[1:] if p not in UNSEEN
    ][:1]
    return [protocols[0], *others]


def table3_section(results: Results, paper: Mapping[str, Any], *, protocols: Sequence[str]) -> str:
    """Table III with how to read it and the notes on the paper's figures."""
    marked = [(key.split("/"), note) for key, note in paper["notes"].items()]
    notes = [f"\\* {model_title(model)}, {task}, {column}: {note}." for (task, model, column), note in marked]
    twin = ""
    if any(model == "vfdt" for _, model in results):
        twin = (
            "The paper's HT is Weka's. HT here is River's Hoeffding tree with Weka's settings, Weka's HT our own by Weka's rules; what both were "
            "compared with, and how close they came, is in docs/evaluation.md. "
        )
    return (
        "First line: what the paper printed. Below: ours, mean ± standard deviation over folds, accuracy and support-weighted P, R, F "
        f"(the average of the paper's HT and NB rows; its DL rows are another, see below). {twin}\n\n"
        + table3_markdown(results, paper, protocols=protocols)
        + "\n"
        + "  \n".join(notes)
        + "\n"
    )


def _what_was_run(results: Results, data_name: str, protocols: Mapping[str, Sequence[str]]) -> str:
    """Sizes and parameters."""
    some = next(iter(results.values()))
    first = some.protocols[next(iter(some.protocols))]
    n_rows = sum(record["test_rows"] for record in first.records)
    networks = [result for (_, model), result in results.items() if is_network(model)]
    told = f"{n_rows:,} flows, {len(first.folds)} folds; splits: {', '.join(protocol_title(p) for p in next(iter(protocols.values())))}.\n"
    if networks:
        kept = networks[0].params
        told += (
            f"Networks: width {kept['width']}, batch {kept['batch_size']}, {kept['epochs']} epochs (assumptions: the paper does not say); "
            f"rate {kept['learning_rate']}, momentum {kept['momentum']}, decay {kept['decay']:g} per update, "
            f"dropout {kept['dropout']} (paper).\n"
        )
    return told


def _all_models(
    results: Results, compared: Pairs, shared: Sequence[str], protocols: Mapping[str, Sequence[str]]
) -> list[str]:
    """For every task: scores under the two main splits, macro F under all, who beats whom."""
    parts, both = [], headline(shared)
    for task in protocols:
        models = [model for its_task, model in results if its_task == task]
        parts += [
            f"### {TASKS[task]}\n",
            baselines_markdown(results, task=task, protocols=both),
            f"![Macro F of every model, {task}](models_{task}.png)\n",
        ]
        if len(shared) > len(both):
            parts += ["Macro F under every split:\n", splits_markdown(results, task=task, protocols=shared)]
        mine = {protocol: found for (its_task, protocol), found in compared.items() if its_task == task}
        parts += [pairwise.MEANING, f"![Every model against every other, {task}](pairwise_{task}.png)\n"]
        parts += [
            pairwise.standings_markdown(
                models, mine, {protocol: protocol_title(protocol) for protocol in mine}
            )
        ]
    return parts


def _unseen(results: Results, protocols: Mapping[str, Sequence[str]]) -> list[str]:
    """For every task and split that leaves out something whole: a table of some models, a row for each thing
    left out, and a picture of all.
    """
    parts = []
    for task, names in protocols.items():
        mine = [result for (its_task, model), result in results.items() if its_task == task]
        for protocol in (name for name in names if name in UNSEEN):
            some = [result for result in mine if result.model in UNSEEN_MODELS] or mine
            parts += [f"{TASKS[task]}, {protocol_title(protocol)}:\n", unseen_markdown(some, protocol)]
            parts += [f"![Every model, {protocol_title(protocol)}, {task}](unseen_{protocol}_{task}.png)\n"]
    return (
        [UNSEEN_MEANING, *parts]
        if parts
        else ["Not asked in this run: add `environment` or `attack` to `split.protocols`.\n"]
    )


def _each(protocols: Mapping[str, Sequence[str]], table, results: Results, *, protocol: str) -> list[str]:  # type: ignore[no-untyped-def]
    """The same table for every task, under one split."""
    return [
        text
        for task in protocols
        for text in (
            f"{TASKS[task]}, {protocol_title(protocol)} split:\n",
            table(results, task=task, protocol=protocol),
        )
    ]


def _curves(figure_models: Mapping[str, str]) -> str:
    """Links to Figures 2 and 3."""
    told = "Line: mean over folds; band: ± one standard deviation. Training figures are taken during training, with dropout on.\n\n"
    for number_, (task, model) in enumerate(figure_models.items(), start=2):
        told += f"![Figure {number_}: {model_title(model)}, {task}](curves_{task}.png)\n\n"
    return told


def _per_class(results: Results, task: str, model: str, protocols: Sequence[str]) -> str:
    """The network of the figure beside HT, NB and gradient boosting."""
    wanted = [model, "hoeffding_tree", "naive_bayes", "hist_gradient_boosting"]
    return per_class_markdown(
        [results[task, name] for name in wanted if (task, name) in results], protocols=protocols
    )


def _averages(results: Results, paper: Mapping[str, Any], protocols: Mapping[str, Sequence[str]]) -> str:
    """The paper's rows explained, and our own predictions under every average."""
    explained = sum(row["explained"] for row in explain_rows(paper))
    parts = [
        f"Accuracy follows from P and R once the average is known, so each printed row can be checked. {explained} of "
        f"{len(explain_rows(paper))} rows are explained to within rounding:\n",
        explanation_markdown(paper),
        *[f"* {name}: {meaning}" for name, meaning in CANDIDATES.items()],
        "\nSo the accuracy of the DL rows and that of the HT and NB rows are different quantities, and part of the paper's gap between "
        "them is one of averages. Our own predictions under each average:\n",
    ]
    for task, names in protocols.items():
        parts += [f"{TASKS[task]}, {protocol_title(names[0])} split:\n"]
        parts += [averages_markdown(results, task=task, protocol=names[0], models=paper_rows(results, paper))]
    return "\n".join(parts)
