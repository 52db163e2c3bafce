"""Set several runs side by side: iotids compare paper=workspace clean=EXPERIMENT old=FOLDER sweep=mlflow:EXPERIMENT

Tables II and III of each, and the differences to the first with intervals, where both were tested on the same folds. One
run alone is set next to the workspace: iotids compare HEAD. Out: Markdown, CSV or a page, on standard output or in a file;
or a picture (-o FILE.png) of the scores over the number of flows, for runs of data sets of different size.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from iotids.commands.compare_sources import read_run
from iotids.plumbing.output_names import check_paths
from iotids.reporting.comparing.document import csv_document, html_document, markdown_document
from iotids.reporting.comparing.size_picture import size_figure
from iotids.reporting.figures.plots import save_png
from iotids.writing.tables import write_text

PAPER_MODELS = ("hoeffding_tree", "naive_bayes", "dl4", "dl5", "dl6", "dl7")
FORMATS = {"markdown": markdown_document, "csv": csv_document, "html": html_document}
PICTURE = "picture"
ENDINGS = {".md": "markdown", ".csv": "csv", ".html": "html", ".png": PICTURE}


def main() -> None:
    """Read every run, write them side by side."""
    parser = argparse.ArgumentParser(
        prog="iotids compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="NAME=RUN",
        help="column title (may be left out) and run: `workspace` (what lies in out/), a folder that holds out/, a DVC "
        "experiment, branch or commit, or mlflow:EXPERIMENT",
    )
    parser.add_argument(
        "--models", nargs="+", default=PAPER_MODELS, help="which models (default: the paper's)"
    )
    parser.add_argument(
        "--scores",
        nargs="+",
        default=("accuracy", "f1_weighted"),
        help="which scores (default: %(default)s); MLflow has those of score/folds.csv, too",
    )
    parser.add_argument("--format", choices=FORMATS, help="default: by the ending of the file, else markdown")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="FILE",
        help="what is there is overwritten (default: standard output)",
    )
    arguments = parser.parse_args()
    check_paths({}, {"-o": arguments.out})
    ending = arguments.out.suffix if arguments.out else ".md"
    form = arguments.format or ENDINGS.get(ending)
    if form is None:
        raise ValueError(
            f"{arguments.out}: the ending is none of {', '.join(ENDINGS)}; name one, or give --format"
        )
    runs = [read_run(name, source) for name, source in named_runs(arguments.runs).items()]
    if form == PICTURE:
        return save_png(size_figure(runs, arguments.models, arguments.scores), arguments.out)
    text = FORMATS[form](runs, arguments.models, arguments.scores)
    if arguments.out:
        write_text(text, arguments.out)
    else:
        print(text)


def named_runs(words: Sequence[str]) -> dict[str, str]:
    """{column title: run}; a run without a title is its own title, and one run alone is followed by the workspace.

    Raises
    ------
    ValueError
        Two columns have one title.
    """
    pairs = [word.split("=", 1) if "=" in word else [word, word] for word in words]
    if len(pairs) == 1 and pairs[0][1] != "workspace":
        pairs.append(["workspace", "workspace"])
    named: dict[str, str] = dict(pairs)
    if len(named) < len(pairs):
        titles = [name for name, _ in pairs]
        twice = next(name for name in titles if titles.count(name) > 1)
        raise ValueError(
            f"two runs would stand under the title {twice!r}; give each its own: first=RUN second=RUN"
        )
    return named
