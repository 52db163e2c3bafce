"""Turn scores into the paper's Table III, Figures 1 to 3, and pages that say what they mean.

In: out/score/ (every figure there is), the networks' history and first model, Table II. Out: out/report/ with
report.md, results.md (docs/results.md is a copy of it), readme_table.md, pictures, tables; Table III once more, for git. Paper: Sec. VI.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from iotids.learning.scores.pairs import read_pairs
from iotids.learning.scores.runs.run_files import run_from_plain
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.params import read_data, read_section
from iotids.reporting.figures import pictures, plots
from iotids.reporting.fixed import fixed_texts, paper_table3
from iotids.reporting.page import Content, report_page
from iotids.reporting.results_page import figure_models, readme_table, results_page
from iotids.reporting.sections import calibration_table, costs, false_alarms, table3
from iotids.writing.tables import read_table, replacing, write_text


@dataclass(frozen=True)
class Params:
    """Section `report`: which network stands in Figures 1 to 3."""

    figure_networks: dict[str, str]


def read_content(score: Path, data_name: str, network: Path, wanted: dict[str, str]) -> Content:
    """Every run that was scored."""
    keys = [tuple(key) for key in json.loads((score / "runs.json").read_text(encoding="utf-8"))]
    texts = [(score / "runs" / f"{task}-{model}.json").read_text(encoding="utf-8") for task, model in keys]
    runs = {key: run_from_plain(json.loads(text)) for key, text in zip(keys, texts, strict=True)}
    compared = read_pairs((score / "pairs.csv").read_text(encoding="utf-8"))
    drawable = [key for key in keys if (network / "-".join(key) / "model.keras").is_file()]
    return Content(runs, compared, paper_table3(), data_name, figure_models(drawable, wanted))


def write_pictures(out: Path, content: Content, network: Path) -> None:
    """Pictures of every task, and the data of two of them for `dvc plots`."""
    drawn = pictures.all_pictures(content)
    for task in content.figure_models:
        folder = network / f"{task}-{content.figure_models[task]}"
        history, model = read_table(folder / "history.parquet"), folder / "model.keras"
        drawn |= pictures.network_pictures(content, task, history, model.read_bytes())
        for name, text in pictures.plots_data(content, task, history).items():
            write_text(text, out / name)
    for name, figure in drawn.items():
        with replacing(out / name) as temporary:
            plots.save_png(figure, temporary, data_name=content.data_name)


def main() -> None:
    """Read scores, write pages, tables and pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--score", "--network", "--table2", "--out", "--table3"):
        parser.add_argument(name, required=True, type=Path)
    arguments, params = parser.parse_args(), read_section("report", Params)
    content = read_content(arguments.score, read_data().name, arguments.network, params.figure_networks)
    texts, runs = fixed_texts(arguments.table2.read_text(encoding="utf-8")), content.runs
    write_text(in_git := table3.table3_csv(runs, content.paper), arguments.table3)
    for name, text in {
        "report.md": report_page(content),
        "results.md": results_page(content, texts),
        "readme_table.md": readme_table(content, texts.real_rows),
        "table3.csv": in_git,
        "false_alarms.csv": false_alarms.false_alarms_csv(runs),
        "reliability.csv": calibration_table.reliability_csv(runs),
        "costs.csv": costs.costs_csv(runs),
    }.items():
        write_text(text, arguments.out / name)
    write_pictures(arguments.out, content, arguments.network)


if __name__ == "__main__":
    run_plainly(main)
