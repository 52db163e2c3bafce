"""Set several runs side by side: iotids compare paper=workspace clean=EXPERIMENT old=FOLDER sweep=mlflow:EXPERIMENT

Tables II and III of each, and the differences to the first with intervals, where both were tested on the same folds.
Out: Markdown, CSV or a page, on standard output or in a file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from iotids.commands.compare_sources import read_run
from iotids.reporting.comparing.document import csv_document, html_document, markdown_document
from iotids.writing.tables import write_text

PAPER_MODELS = ("hoeffding_tree", "naive_bayes", "dl4", "dl5", "dl6", "dl7")
FORMATS = {"markdown": markdown_document, "csv": csv_document, "html": html_document}
ENDINGS = {".md": "markdown", ".csv": "csv", ".html": "html"}


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
        help="column title and run: `workspace` (what lies in out/), a folder that holds out/, a DVC experiment, branch or "
        "commit, or mlflow:EXPERIMENT",
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
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="default: standard output")
    arguments = parser.parse_args()
    named = dict(part.split("=", 1) if "=" in part else (part, part) for part in arguments.runs)
    runs = [read_run(name, source) for name, source in named.items()]
    ending = arguments.out.suffix if arguments.out else ".md"
    form = arguments.format or ENDINGS.get(ending)
    if form is None:
        raise ValueError(
            f"{arguments.out}: the ending is none of {', '.join(ENDINGS)}; name one, or give --format"
        )
    text = FORMATS[form](runs, arguments.models, arguments.scores)
    if arguments.out:
        write_text(text, arguments.out)
    else:
        print(text)
