"""The report's one page, and its block for the README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stages.reporting.answers import answers_markdown
from stages.reporting.markdown import markdown_table, number
from stages.reporting.names import TASKS, is_network, model_title, protocol_title
from stages.reporting.paper_averages import CANDIDATES, explain_rows, explanation_markdown
from stages.reporting.per_class import per_class_markdown
from stages.reporting.results import Result
from stages.reporting.table3 import averages_markdown, baselines_markdown, paper_rows, splits_markdown, table3_markdown

Results = Mapping[tuple[str, str], Result]


def report_page(
    results: Results, paper: Mapping[str, Any], *, data_name: str, protocols: Mapping[str, Sequence[str]], figure_models: Mapping[str, str]
) -> str:
    """report.md. `protocols` lists each task's splits, the paper's first; `figure_models` the network of Figures 2 and 3."""
    shared = shared_protocols(protocols)
    parts = [
        f"# Results on the data set `{data_name}`\n",
        _what_was_run(results, data_name, protocols),
        "## In plain words\n", answers_markdown(results, figure_models=figure_models, protocols=protocols),
        "## Table III\n", table3_section(results, paper, protocols=shared),
    ]  # fmt: skip
    for task in protocols:
        parts += [f"## {TASKS[task]}: every model\n", baselines_markdown(results, task=task, protocols=headline(shared))]
        if shared != headline(shared):
            parts += ["Macro F under every split:\n", splits_markdown(results, task=task, protocols=shared)]
        parts += [f"![Macro F of every model, {task}](models_{task}.png)\n"]
    parts += ["## Figures 2 and 3\n", _figures(figure_models)]
    for task, model in figure_models.items():
        parts += [f"### {TASKS[task]}: precision / recall / F per class, all folds added\n", _per_class(results, task, model, headline(shared))]
    parts += ["## Last epoch and best epoch\n", best_epoch_markdown(results, protocols=shared)]
    parts += ["## Which average did the paper print?\n", _averages(results, paper, protocols)]
    return "\n".join(parts)


def readme_tables(results: Results, paper: Mapping[str, Any], *, data_name: str, protocols: Mapping[str, Sequence[str]]) -> str:
    """Table III and the models beside it, as the README shows them."""
    shared = headline(shared_protocols(protocols))
    parts = [f"Data set `{data_name}`; mean ± standard deviation over folds.\n", table3_section(results, paper, protocols=shared)]
    for task in protocols:
        parts += [f"{TASKS[task]}, every model (best macro F under the {protocol_title(shared[-1])} split first):\n"]
        parts += [baselines_markdown(results, task=task, protocols=shared)]
    return "\n".join(parts)


def shared_protocols(protocols: Mapping[str, Sequence[str]]) -> list[str]:
    """Splits that every task was tested by, in order."""
    lists = list(protocols.values())
    return [protocol for protocol in lists[0] if all(protocol in other for other in lists)]


def headline(protocols: Sequence[str]) -> list[str]:
    """The two splits that pictures and the README show: the paper's, and the grouped one (or else the second)."""
    others = [protocol for protocol in protocols[1:] if protocol == "grouped"] or list(protocols[1:2])
    return [protocols[0], *others]


def table3_section(results: Results, paper: Mapping[str, Any], *, protocols: Sequence[str]) -> str:
    """Table III with how to read it and the notes on the paper's figures."""
    marked = [(key.split("/"), note) for key, note in paper["notes"].items()]
    notes = [f"\\* {model_title(model)}, {task}, {column}: {note}." for (task, model, column), note in marked]
    return (
        "First line: what the paper printed. Below: ours, mean ± standard deviation over folds, accuracy and support-weighted P, R, F "
        "(the average of the paper's HT and NB rows; its DL rows are another, see below).\n\n"
        + table3_markdown(results, paper, protocols=protocols) + "\n" + "  \n".join(notes) + "\n"
    )  # fmt: skip


def best_epoch_markdown(results: Results, *, protocols: Sequence[str]) -> str:
    """Accuracy after the last epoch, which is what all tables show, beside the best epoch's."""
    rows = []
    for (task, model), result in results.items():
        if not is_network(model):
            continue
        for protocol in protocols:
            scored = result.protocols[protocol]
            last = [record["epochs"] for record in scored.records]
            best = [record["best_epoch"] for record in scored.records]
            rows.append([
                task, model_title(model), protocol_title(protocol), _range(last), number(scored.mean["accuracy"]),
                _range([b["epoch"] for b in best]), number(sum(b["val_accuracy"] for b in best) / len(best)),
            ])  # fmt: skip
    told = (
        "All tables show the network after its last epoch. The best epoch is chosen by the test rows themselves, which nobody can do "
        "beforehand: it is an upper bound, not a result.\n\n"
    )
    header = ["Task", "Alg.", "split", "last epoch", "accuracy", "best epoch", "accuracy there"]
    return told + markdown_table(header, rows, numbers_from=3)


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


def _figures(figure_models: Mapping[str, str]) -> str:
    """Links to the pictures."""
    told = "Line: mean over folds; band: ± one standard deviation. Training figures are taken during training, with dropout on.\n\n"
    for number_, (task, model) in enumerate(figure_models.items(), start=2):
        told += f"![Figure {number_}: {model_title(model)}, {task}](curves_{task}.png)\n\n"
        told += f"![Confusion matrices, {task}](confusion_{task}.png)\n\n"
    return told


def _per_class(results: Results, task: str, model: str, protocols: Sequence[str]) -> str:
    """The network of the figure beside HT, NB and gradient boosting."""
    wanted = [model, "hoeffding_tree", "naive_bayes", "hist_gradient_boosting"]
    return per_class_markdown([results[task, name] for name in wanted if (task, name) in results], protocols=protocols)


def _averages(results: Results, paper: Mapping[str, Any], protocols: Mapping[str, Sequence[str]]) -> str:
    """The paper's rows explained, and our own predictions under every average."""
    explained = sum(row["explained"] for row in explain_rows(paper))
    parts = [
        f"Accuracy follows from P and R once the average is known, so each printed row can be checked. {explained} of "
        f"{len(explain_rows(paper))} rows are explained to within rounding:\n",
        explanation_markdown(paper), *[f"* {name}: {meaning}" for name, meaning in CANDIDATES.items()],
        "\nSo the accuracy of the DL rows and that of the HT and NB rows are different quantities, and part of the paper's gap between "
        "them is one of averages. Our own predictions under each average:\n",
    ]  # fmt: skip
    for task, names in protocols.items():
        parts += [f"{TASKS[task]}, {protocol_title(names[0])} split:\n"]
        parts += [averages_markdown(results, task=task, protocol=names[0], models=paper_rows(results, paper))]
    return "\n".join(parts)


def _range(values: Sequence[int]) -> str:
    """50, or 31 to 50."""
    return str(values[0]) if min(values) == max(values) else f"{min(values)} to {max(values)}"
