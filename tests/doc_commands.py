"""The commands that the documentation shows, read out of its fenced blocks.

A block in `sh` is run by tests/test_docs.py; a comment before it says where and when:

    (no comment)                in a fresh copy of the project with the sample
    <!-- test: after make -->   in a copy whose pipeline is finished, in the order of the page
    <!-- test: with captures -->   as before, where capture.pcap, monday.pcap and the like lie; also blocks in
    `python` <!-- test: queue only -->   as before; the queue is filled and emptied, nothing is computed <!--
    test: cluster -->, server, make …   by a test of its own (see test_docs.OWN_TESTS)

Commands in running text and tables are checked word by word: modules, options, targets, parameters,
sub-commands.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"(?:<!-- test: (?P<when>[^>]*?) -->\n *)?```(?P<kind>\w*)\n(?P<text>.*?)```", re.DOTALL)
FIRST_WORDS = ("python", "iotids", "dvc", "make", "mlflow", "git")


@dataclass(frozen=True)
class Block:
    """One fenced block: page, line, language, when it is run, and its text."""

    page: str
    line: int
    kind: str
    when: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> list[Block]:
    """Every fenced block of README.md and docs/."""
    found = []
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start("text")) + 1
            found.append(Block(path.name, line, match["kind"], match["when"] or "", match["text"]))
    return found


def commands() -> list[tuple[str, list[str]]]:
    """(page and line, words) of every command line of ours in `sh` blocks, and in the text between blocks
    (`make ui`).
    """
    lines = [
        (f"{block.page}:{block.line + number}", line)
        for block in blocks()
        if block.kind == "sh"
        for number, line in enumerate(block.text.splitlines())
    ]
    return [(place, words) for place, line in lines + _shown_in_text() for words in _simple_commands(line)]


def _shown_in_text() -> list[tuple[str, str]]:
    """(page and line, command) of code in running text and table cells that begins like a command, `…` left
    out.
    """
    found = []
    for path in PAGES:
        text = FENCE.sub(lambda match: "\n" * match[0].count("\n"), path.read_text(encoding="utf-8"))
        for number, line in enumerate(text.splitlines(), 1):
            shown = [
                re.sub(r"( --?\w+)? ?…", "", code.replace("\\|", "|"))
                for code in re.findall(r"`([^`]+)`", line)
            ]
            found += [(f"{path.name}:{number}", code) for code in shown if len(code.split()) > 1]
    return found


def _simple_commands(line: str) -> list[list[str]]:
    """Cut a line at `|`, `&&`, `;`, `&`; drop assignments before a command; keep what starts with a word of
    ours.
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    try:
        for word in lexer:
            if set(word) <= set("|&;"):
                parts.append([])
            else:
                parts[-1].append(word)
    except ValueError:  # an apostrophe in a listing that is no command
        return []
    stripped = [_without_assignments(words) for words in parts]
    return [words for words in stripped if words and words[0] in FIRST_WORDS]


def _without_assignments(words: list[str]) -> list[str]:
    """Drop NAME=value in front, and what stands behind a redirection."""
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    return words[: next((i for i, word in enumerate(words) if word in (">", "<", "2>")), len(words))]
