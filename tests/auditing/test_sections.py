"""A section of the audit is one file: finding, tables and figure stand together, and the page has it once."""

import ast
from pathlib import Path

import pytest

from iotids.auditing import sections
from iotids.auditing.sections.order import WRITERS

FILES = sorted(
    path
    for path in Path(sections.__file__).parent.glob("*.py")
    if path.stem not in ("__init__", "order", "section")
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_one_section_of_the_page(path):
    functions = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    (writer,) = [name for name in functions if name.startswith("write_")]
    assert [one.__module__ for one in WRITERS if one.__name__ == writer] == [
        f"iotids.auditing.sections.{path.stem}"
    ]


def test_every_section_of_the_page_has_its_file():
    assert len(WRITERS) == len(FILES) == len({writer.__module__ for writer in WRITERS})
