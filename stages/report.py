"""Turn run folders into the paper's Table III, Figures 2 and 3, and one page that says what they mean.

In: out/network/<task>-<depth>/, out/baseline/<task>-<model>/, as many as the parameters name; groups and
sources of the dataset's flows; the folds' names. Out: out/report/. Paper: Sec. VI. Everything is computed
from stored predictions: a new score or figure retrains nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iotids.learning.data.flow_columns import task_classes
from iotids.learning.splits.task_splits import protocols_of_task
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.parallel import parallel_map
from iotids.plumbing.params import read_data, read_section
from iotids.reporting import expected, page, summary, text_files
from iotids.reporting.figures import confusion, curves, pictures
from iotids.reporting.figures import plots as figures
from iotids.reporting.results import Flows, Result, score_run
from iotids.reporting.sections import pairwise
from iotids.writing.tables import read_table, replacing, write_json, write_text

PAPER = Path(__file__).parent / "reporting" / "paper_table3.json"


@dataclass(frozen=True)
class Params:
    """Section `report`: what to expect (by the other sections' parameters), and which depth stands in Figures
    2 and 3.
    """

    tasks: tuple[str, ...]
    depths: tuple[int, ...]
    models: tuple[str, ...]
    protocols: tuple[str, ...]
    figure_depths: dict[str, int]


def read_flows(dataset: Path, splits: Path, protocols: Sequence[str]) -> Flows:
    """Group of every flow (a recording round or device of one source), and what each fold leaves out."""
    table = read_table(dataset, ["source", "group"])
    codes = [
        table.column(name).combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
        for name in ("source", "group")
    ]
    group = np.unique(codes[0] * (codes[1].max(initial=0) + 1) + codes[1], return_inverse=True)[1]
    described = {
        name: json.loads((splits / f"{name}.json").read_text(encoding="utf-8"))["folds"] for name in protocols
    }
    return Flows(
        group, {name: {fold["fold"]: fold["name"] for fold in folds} for name, folds in described.items()}
    )


def read_result(job: tuple[Path, Sequence[str], Sequence[str], str, Flows]) -> Result:
    """Score one run folder."""
    folder, protocols, classes, benign, flows = job
    document = json.loads((folder / "folds.json").read_text(encoding="utf-8"))
    expected.check_classes(str(folder), document["classes"], classes)
    return score_run(
        document, read_table(folder / "predictions.parquet"), protocols=protocols, benign=benign, flows=flows
    )


def write_task(
    out: Path,
    run: Path,
    mine: Sequence[Result],
    model: str,
    compared: dict[str, list[pairwise.Pair]],
    shown: Sequence[str],
) -> None:
    """Pictures of one task, and the data of two of them for `dvc plots`; `model` is the network of Figures 2
    and 3, `run` its folder.
    """
    chosen, history = (
        next(result for result in mine if result.model == model),
        read_table(run / "history.parquet"),
    )
    told = [curves.curves_of(history, protocol) for protocol in chosen.protocols]
    write_text(curves.curves_csv(told), out / f"curves_{chosen.task}.csv")
    write_text(
        confusion.confusion_lines(chosen.protocols[shown[0]].confusion, chosen.classes),
        out / f"confusion_{chosen.task}.csv",
    )
    for name, figure in pictures.task_pictures(mine, told, compared, curves_of=model, shown=shown).items():
        with replacing(out / name) as temporary:
            figures.save_png(figure, temporary)


def main() -> None:
    """Find what the parameters name, score it, write tables and pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--dataset", "--splits", "--network", "--baseline", "--out"):
        parser.add_argument(name, required=True, type=Path)
    arguments, params, data = parser.parse_args(), read_section("report", Params), read_data()
    runs = expected.run_folders(
        params.tasks, params.depths, params.models, network=arguments.network, baseline=arguments.baseline
    )
    expected.check_complete(runs, {key: (folder / "folds.json").is_file() for key, folder in runs.items()})
    protocols = {task: protocols_of_task(params.protocols, task) for task in params.tasks}
    flows = read_flows(arguments.dataset, arguments.splits, params.protocols)
    classes = {task: task_classes(task, data.classes, data.benign) for task in params.tasks}
    jobs = [
        (folder, protocols[task], classes[task], data.benign, flows) for (task, _), folder in runs.items()
    ]
    scored = dict(zip(runs, parallel_map(read_result, jobs, description="scores"), strict=True))
    models = {
        task: f"dl{expected.figure_depth(params.depths, params.figure_depths[task])}" for task in params.tasks
    }
    shared = page.shared_protocols(protocols)
    compared: dict[tuple[str, str], list[pairwise.Pair]] = {}
    for task, model in models.items():
        mine = [result for (its_task, _), result in scored.items() if its_task == task]
        pairs = {protocol: pairwise.pairs(mine, protocol) for protocol in page.headline(shared)}
        write_task(arguments.out, runs[task, model], mine, model, pairs, page.headline(shared))
        compared |= {(task, protocol): found for protocol, found in pairs.items()}
    paper = json.loads(PAPER.read_text(encoding="utf-8"))
    texts = text_files.text_files(
        scored, paper, compared, data_name=data.name, protocols=protocols, figure_models=models
    )
    for name, text in texts.items():
        write_text(text, arguments.out / name)
    write_json(
        {"-".join(key): confusion.matrices(result) for key, result in scored.items()},
        arguments.out / "confusions.json",
    )
    write_json(summary.summary(scored, models, protocols=shared), arguments.out / "metrics.json")


if __name__ == "__main__":
    run_plainly(main)
