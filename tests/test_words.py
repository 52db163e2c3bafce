"""One word, one thing: names in the code and sentences in the documents keep to plain terms of the field."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = sorted(path for folder in ("iotids", "stages") for path in (ROOT / folder).rglob("*.py"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# as a name: what it should be instead
NAMES = {
    "told": "predicted, reported",
    "ahead": "offset, later",
    "several": "the thing that there are several of",
    "moving": "statistics",
    "served": "the kind that is served",
    "smells": "found",
    "wish": "requested",
    "wished": "requested",
    "whole_writes": "the writer",
    "without_greetings": "without_banner",
    "mend": "repair",
}
# in a sentence: what it should be instead
WORDS = {
    r"told apart": "distinguished",
    r"\btold\b": "reported",
    r"\bset down\b": "written, spilled",
    r"\bmend(s|ed|ing)?\b": "repair, correct",
    r"\bat hand\b": "available",
    r"\bwish(ed|es)?\b": "requested",
    r"split protocol": "split",
}


def names_of(tree):
    """Every name that the file itself gives: functions, classes, arguments, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_and_sentences_of_the_code_are_plain(path):
    text = path.read_text(encoding="utf-8")
    names = [name for name in names_of(ast.parse(text)) if name.strip("_").lower() in NAMES]
    assert not names, {name: NAMES[name.strip("_").lower()] for name in names}
    assert not sentences_to_change(text)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_sentences_of_the_documents_are_plain(path):
    assert not sentences_to_change(path.read_text(encoding="utf-8"))


def test_rows_are_divided_by_splits_and_only_ip_has_protocols():
    for path in (ROOT / "iotids" / "learning").rglob("*.py"):
        names = set(names_of(ast.parse(path.read_text(encoding="utf-8"))))
        assert not {"protocol", "protocols"} & names, path


def sentences_to_change(text):
    """Line, and what to write instead, of every unwanted word."""
    return [
        f"line {number}: {found.group()!r}: write {better}"
        for number, line in enumerate(text.splitlines(), start=1)
        for word, better in WORDS.items()
        if (found := re.search(word, line, re.IGNORECASE))
    ]
