"""Run the notebooks and write what they show to docs/notebooks/, as Markdown with small pictures: python
notebooks/render.py [PROJECT]

PROJECT is a checkout with a finished pipeline, by default this one. The notebooks themselves stay without
outputs.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from PIL import Image

HERE = Path(__file__).resolve().parent
PAGES = HERE.parent / "docs" / "notebooks"
COLOURS = 128  # a plot needs no more, and is a third of the size


def run_notebook(path: Path, project: Path) -> nbformat.NotebookNode:
    """Execute all cells in the project's notebooks folder; the first error ends it."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(project / "notebooks")}},
    ).execute()
    return notebook


def render(notebook: nbformat.NotebookNode, name: str, pages: Path = PAGES) -> None:
    """Write docs/notebooks/<name>.md and its pictures."""
    text, resources = MarkdownExporter().from_notebook_node(notebook, resources={"output_files_dir": name})
    pages.mkdir(parents=True, exist_ok=True)
    for place, content in resources["outputs"].items():
        (pages / place).parent.mkdir(exist_ok=True)
        (pages / place).write_bytes(small_png(content))
    (pages / f"{name}.md").write_text(plain_tables(text), encoding="utf-8")


def small_png(content: bytes) -> bytes:
    """Give the picture with few colours."""
    small = io.BytesIO()
    # the octree keeps the colour of a few dots, which the default method gives to the grey of the letters
    Image.open(io.BytesIO(content)).convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE).save(
        small, "png", optimize=True
    )
    return small.getvalue()


def plain_tables(text: str) -> str:
    """Drop what pandas adds to its tables for notebooks, and links that are right only in notebooks/."""
    text = re.sub(r"<style scoped>.*?</style>\n?", "", text, flags=re.DOTALL)
    text = (
        re.sub(r"</?div>\n?", "", text)
        .replace(' border="1" class="dataframe"', "")
        .replace(' style="text-align: right;"', "")
    )
    return re.sub(r"\n{3,}", "\n\n", text.replace("](../docs/", "](../")).strip() + "\n"


def main(project: Path) -> None:
    """Run and render every notebook."""
    for path in sorted(HERE.glob("*.ipynb")):
        print(path.name, flush=True)
        render(run_notebook(path, project), path.stem)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE.parent)
