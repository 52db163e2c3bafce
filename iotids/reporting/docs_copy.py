"""Copy the results page with its pictures from out/report into the documents, and its first table into README.md.

`python -m iotids.reporting.docs_copy` writes docs/results.md, docs/images/results/ and the README's table after
`make`.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from iotids.writing.tables import write_text

IMAGES = "images/results"  # below docs/
BEGIN, END = "<!-- results: python -m iotids.reporting.docs_copy -->\n", "<!-- end of results -->\n"
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


def with_results(readme: str, table: str) -> str:
    """README.md with the table, and what it means, between its marks.

    Raises
    ------
    ValueError
        The marks are not there.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"README.md: the lines {BEGIN.strip()} and {END.strip()} are missing")
    return before + begin + table + end + after


if __name__ == "__main__":
    try:
        copied = copy_results(Path("out/report"), Path("docs"))
        table, readme = Path("out/report/readme_table.md").read_text("utf-8"), Path("README.md")
        write_text(with_results(readme.read_text("utf-8"), table), readme)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(f"docs/results.md with {len(copied)} pictures, README.md")
