"""Copy the results page with its pictures from out/report into the documents.

`python -m iotids.reporting.docs_copy` writes docs/results.md and docs/images/results/ after `make`.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from iotids.writing.tables import write_text

IMAGES = "images/results"  # below docs/
PICTURE = re.compile(r"\]\((\w+\.png)\)")


def page_for_docs(page: str) -> str:
    """The page with links to the pictures' copies."""
    return PICTURE.sub(rf"]({IMAGES}/\1)", page)


def copy_results(report: Path, docs: Path) -> list[str]:
    """Write the page and the pictures that it shows, and give their names.

    Raises
    ------
    FileNotFoundError
        There is no report; says how to make one.
    """
    if not (report / "results.md").is_file():
        raise FileNotFoundError(
            f"{report / 'results.md'}: not there; `make` (or `dvc repro report`) writes it"
        )
    page = (report / "results.md").read_text(encoding="utf-8")
    pictures = PICTURE.findall(page)
    (docs / IMAGES).mkdir(parents=True, exist_ok=True)
    for name in pictures:
        shutil.copyfile(report / name, docs / IMAGES / name)
    write_text(page_for_docs(page), docs / "results.md")
    return pictures


if __name__ == "__main__":
    try:
        copied = copy_results(Path("out/report"), Path("docs"))
    except FileNotFoundError as error:
        sys.exit(str(error))
    print(f"docs/results.md with {len(copied)} pictures")
