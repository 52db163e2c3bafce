"""Notebooks are stored without outputs, run top to bottom on a finished pipeline, and their rendered form is
up to date with their cells.
"""

import importlib.util
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST_PAGE = 400_000  # bytes, pictures included


def renderer():
    """Load notebooks/render.py, which is no package."""
    spec = importlib.util.spec_from_file_location("render", ROOT / "notebooks" / "render.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_notebooks_are_there():
    assert [path.stem for path in NOTEBOOKS] == [
        "01-look-at-flows",
        "02-read-the-results",
        "03-your-own-capture",
        "04-audit-a-table",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell for cell in cells if cell.outputs or cell.execution_count] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_rendered_page_has_every_cell_and_is_small(path):
    page = ROOT / "docs" / "notebooks" / f"{path.stem}.md"
    text = page.read_text(encoding="utf-8")
    for cell in nbformat.read(path, as_version=4).cells:
        assert cell.source.replace("](../docs/", "](../").splitlines()[-1] in text, (
            f"{page.name} is older than {path.name}: python notebooks/render.py"
        )
    pictures = list((page.parent / path.stem).glob("*.png"))
    assert pictures
    assert page.stat().st_size + sum(picture.stat().st_size for picture in pictures) < LARGEST_PAGE


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_top_to_bottom_on_a_finished_pipeline(path, finished, tmp_path):
    module = renderer()
    notebook = module.run_notebook(path, finished)
    module.render(notebook, path.stem, tmp_path)
    assert list((tmp_path / path.stem).glob("*.png"))
    assert "Traceback" not in (tmp_path / f"{path.stem}.md").read_text()
