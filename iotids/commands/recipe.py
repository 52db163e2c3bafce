"""What each piece of the recipe of training is worth: iotids recipe out/network/multiclass-recipe [--picture FILE.png]

In: runs of kind `recipe` (preset=recipe), whose folds keep what every recipe reached on their inner split.
Out: Markdown on standard output, and a picture of the first run.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from iotids.plumbing.output_names import check_paths
from iotids.plumbing.params import read_data
from iotids.reporting.figures.plots import save_png
from iotids.reporting.recipe_page import pages, read_tried, recipe_figure
from iotids.writing.tables import replacing


def main() -> None:
    """Read the runs, print the tables, draw."""
    parser = argparse.ArgumentParser(
        prog="iotids recipe", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs of kind recipe")
    parser.add_argument("--split", default="stratified", help="whose training folds (default: %(default)s)")
    parser.add_argument("--picture", type=Path, help="PNG of the first run")
    arguments = parser.parse_args()
    files = [run / "folds.json" for run in arguments.runs]
    check_paths({"recipe wants folders of runs of kind recipe": files}, {"--picture": arguments.picture})
    documents = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    found = [(one["task"], read_tried(one, arguments.split)) for one in documents]
    print(pages(found, read_data().name, arguments.split))
    if arguments.picture:
        title = f"What each piece of the recipe is worth ({found[0][0]}, data {read_data().name})"
        with replacing(arguments.picture) as temporary:
            save_png(recipe_figure(found[0][1], title), temporary)
