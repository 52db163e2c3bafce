"""Set Tables II and III of several runs side by side: iotids compare paper=workspace clean=EXPERIMENT ...

In: out/dataset/table2.csv and out/report/table3.csv of each run, from the workspace or from a DVC experiment,
branch or commit. Out: Markdown on standard output.
"""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path

from iotids.reporting.sections.side_by_side import table2_side_by_side, table3_side_by_side

TABLE2, TABLE3 = "out/dataset/table2.csv", "out/report/table3.csv"
PAPER_MODELS = ("hoeffding_tree", "naive_bayes", "dl4", "dl5", "dl6", "dl7")


def read_rows(path: str, revision: str) -> list[dict[str, str]]:
    """Rows of a CSV of one run.

    Raises
    ------
    FileNotFoundError
        When the run does not have the file; the message says how to get it.
    """
    if revision == "workspace":
        if not Path(path).is_file():
            raise FileNotFoundError(f"{path} is not in the workspace; run `make` first")
        return list(csv.DictReader(io.StringIO(Path(path).read_text(encoding="utf-8"))))
    import dvc.api  # a second's import, only for experiments
    from dvc.exceptions import DvcException

    try:
        text = dvc.api.read(path, rev=revision)
    except (DvcException, FileNotFoundError) as error:
        raise FileNotFoundError(
            f"{path} of run {revision!r}: {error}; `dvc exp list` names the runs, each must have finished its report"
        ) from error
    return list(csv.DictReader(io.StringIO(text)))


def main() -> None:
    """Read the tables of every run, print them side by side."""
    parser = argparse.ArgumentParser(
        prog="iotids compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="NAME=RUN",
        help="column title and experiment, branch or commit; `workspace` is what lies in out/",
    )
    parser.add_argument(
        "--models", nargs="+", default=PAPER_MODELS, help="which models (default: the paper's)"
    )
    parser.add_argument(
        "--scores",
        nargs="+",
        default=("accuracy", "f1_weighted"),
        help="which scores of table3.csv stand in a cell (default: %(default)s)",
    )
    arguments = parser.parse_args()
    runs = dict(part.split("=", 1) if "=" in part else (part, part) for part in arguments.runs)
    print("Flows per source and class\n")
    print(table2_side_by_side({name: read_rows(TABLE2, revision) for name, revision in runs.items()}))
    print(f"{' / '.join(arguments.scores)}, mean ± sd over folds\n")
    rows = {name: read_rows(TABLE3, revision) for name, revision in runs.items()}
    print(table3_side_by_side(rows, models=arguments.models, scores=arguments.scores))
