"""Turn run folders into the paper's Table III, Figures 2 and 3, and one page that says what they mean.

In: out/network/<task>-<depth>/, out/baseline/<task>-<model>/, as many as the parameters name. Out: out/report/.
Paper: Sec. VI. Everything is computed from stored predictions: a new score or figure retrains nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from stages.learning.task_protocols import protocols_of_task
from stages.plumbing.errors import run_plainly
from stages.plumbing.parallel import parallel_map
from stages.plumbing.params import read_data, read_section
from stages.plumbing.tables import read_table, replacing, write_json, write_text
from stages.reporting import confusion, curves, expected, figures, names, page, per_class, summary, table3
from stages.reporting.markdown import csv_table
from stages.reporting.results import Result, score_run

PAPER = Path(__file__).parent / "reporting" / "paper_table3.json"


@dataclass(frozen=True)
class Params:
    """Section `report`: what to expect (by the other sections' parameters), and which depth stands in Figures 2 and 3."""

    tasks: tuple[str, ...]
    depths: tuple[int, ...]
    models: tuple[str, ...]
    protocols: tuple[str, ...]
    figure_depths: dict[str, int]


def read_result(job: tuple[Path, Sequence[str], str]) -> Result:
    """Score one run folder."""
    folder, protocols, benign = job
    document = json.loads((folder / "folds.json").read_text(encoding="utf-8"))
    return score_run(document, read_table(folder / "predictions.parquet"), protocols=protocols, benign=benign)


def write_task(out: Path, runs: dict[str, Path], mine: dict[str, Result], model: str, protocols: Sequence[str]) -> None:
    """Curves and confusion matrices of one task, as data for `dvc plots` and as pictures; `model` is the one of Figures 2 and 3."""
    chosen = mine[model]
    told, shown = [curves.curves_of(read_table(runs[model] / "history.parquet"), protocol) for protocol in protocols], page.headline(protocols)
    write_text(curves.curves_csv(told), out / f"curves_{chosen.task}.csv")
    write_text(confusion.confusion_lines(chosen.protocols[protocols[0]].confusion, chosen.classes), out / f"confusion_{chosen.task}.csv")
    title = f"{names.model_title(model)}, {names.TASKS[chosen.task].lower()}: accuracy and loss per epoch"
    write_figure(figures.curves_figure([one for one in told if one.protocol in shown], title), out / f"curves_{chosen.task}.png")
    drawn = [mine[name] for name in expected.confusion_models(list(mine))]
    matrices = [[(names.run_title(r.model, p), r.protocols[p].confusion) for p in shown] for r in drawn]
    write_figure(figures.confusion_figure(matrices, chosen.classes, names.TASKS[chosen.task]), out / f"confusion_{chosen.task}.png")
    dots = figures.comparison_figure(list(mine.values()), protocols, f"{names.TASKS[chosen.task]}: macro F of every model", "f1_macro")
    write_figure(dots, out / f"models_{chosen.task}.png")


def write_figure(figure: Figure, path: Path) -> None:
    """Write a picture under its name once it is whole."""
    with replacing(path) as temporary:
        figures.save_png(figure, temporary)


def write_tables(out: Path, scored: dict[tuple[str, str], Result], protocols: dict[str, tuple[str, ...]], models: dict[str, str]) -> None:
    """Page, README block, tables and metrics."""
    paper, data_name = json.loads(PAPER.read_text(encoding="utf-8")), read_data().name
    write_text(page.report_page(scored, paper, data_name=data_name, protocols=protocols, figure_models=models), out / "report.md")
    write_text(page.readme_tables(scored, paper, data_name=data_name, protocols=protocols), out / "readme_tables.md")
    write_text(table3.table3_csv(scored, paper), out / "table3.csv")
    rows = [row for result in scored.values() for row in per_class.per_class_rows(result)]
    write_text(csv_table(per_class.HEADER, rows), out / "per_class.csv")
    write_json({"-".join(key): confusion.matrices(result) for key, result in scored.items()}, out / "confusions.json")
    write_json(summary.summary(scored, models, protocols=page.shared_protocols(protocols)), out / "metrics.json")


def main() -> None:
    """Find what the parameters name, score it, write tables and pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--network", "--baseline", "--out"):
        parser.add_argument(name, required=True, type=Path)
    arguments, params = parser.parse_args(), read_section("report", Params)
    runs = expected.run_folders(params.tasks, params.depths, params.models, network=arguments.network, baseline=arguments.baseline)
    expected.check_complete(runs, {key: (folder / "folds.json").is_file() for key, folder in runs.items()})
    protocols = {task: protocols_of_task(params.protocols, task) for task in params.tasks}
    jobs = [(folder, protocols[task], read_data().benign) for (task, _), folder in runs.items()]
    scored = dict(zip(runs, parallel_map(read_result, jobs, description="scores"), strict=True))
    models = {task: f"dl{expected.figure_depth(params.depths, params.figure_depths[task])}" for task in params.tasks}
    for task, model in models.items():
        mine = {name: result for (its_task, name), result in scored.items() if its_task == task}
        folders = {name: folder for (its_task, name), folder in runs.items() if its_task == task}
        write_task(arguments.out, folders, mine, model, page.shared_protocols(protocols))
    write_tables(arguments.out, scored, protocols, models)


if __name__ == "__main__":
    run_plainly(main)
