"""The language of rules: a Wireshark display filter, read into a tree.

The part of the language that labelling rules use: `and or not && || !`, parentheses, `== != < > <= >=` and
their word forms, `in {…}` with ranges, `field & mask`, and bare protocols and fields, which ask whether a
frame has them. As in Wireshark 4: `and` binds more tightly than `or`; a subnet as a value stands for its
addresses. Source: wireshark-filter(4). What a field means stands in `fields.py`, how a tree is matched in
`matching.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from iotids.truth.filters.fields import FIELDS, PROTOCOLS, Value, read_value


@dataclass(frozen=True)
class Present:
    """True for frames that have the protocol or field."""

    field: str


@dataclass(frozen=True)
class Compare:
    """True for frames whose field stands in the relation to the value; `mask` is taken off the field first."""

    field: str
    relation: str
    value: Value
    mask: int | None = None


@dataclass(frozen=True)
class Member:
    """True for frames one of whose values of the field lies in one of the ranges (both ends included)."""

    field: str
    ranges: tuple[Value, ...]


@dataclass(frozen=True)
class Not:
    """True where the inner tree is not."""

    inner: Tree


@dataclass(frozen=True)
class Both:
    """True where the two trees are."""

    left: Tree
    right: Tree


@dataclass(frozen=True)
class Either:
    """True where one of the two trees is."""

    left: Tree
    right: Tree


Tree = Present | Compare | Member | Not | Both | Either
MAX_DEPTH = 100
"""Parentheses and `not` inside each other; a person needs a handful."""

_RELATIONS = {
    "eq": "==",
    "ne": "!=",
    "gt": ">",
    "lt": "<",
    "ge": ">=",
    "le": "<=",
    "and": "&&",
    "or": "||",
    "not": "!",
}
_TOKEN = re.compile(
    r"\s*(?:(?P<sign>==|!=|<=|>=|&&|\|\||[<>!&(){},])"
    r"|(?P<text>\"[^\"]*\")"
    r"|(?P<range>[0-9A-Fa-fxX.:]+\.\.[0-9A-Fa-fxX.:]+)"
    r"|(?P<word>[A-Za-z0-9_.:/+-]+))"
)


def parse_filter(text: str) -> Tree:
    """Read a display filter.

    Parameters
    ----------
    text : str
        Such as `ip.src == 10.0.0.0/8 and tcp.flags.syn == 1`.

    Raises
    ------
    ValueError
        What is wrong, at which character, and what would be understood.
    """
    parser = _Parser(text, _tokens(text))
    tree = parser.either()
    if not parser.at_end():
        raise parser.error("an operator such as `and`")
    return tree


def shown(text: str) -> str:
    """Quote a filter for a message, its beginning if it is long."""
    return repr(text if len(text) <= 100 else f"{text[:100]}…")


def joined(join: type[Both] | type[Either], trees: list[Tree]) -> Tree:
    """Join trees by `and` or `or`; balanced, so that a thousand alternatives are ten deep."""
    while len(trees) > 1:
        pairs = zip(trees[::2], trees[1::2], strict=False)
        trees = [join(*pair) for pair in pairs] + trees[len(trees) // 2 * 2 :]
    return trees[0]


def _tokens(text: str) -> list[tuple[str, int]]:
    """Cut the text into (token, position); word operators become signs."""
    tokens, position, end = [], 0, len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if not found:
            position += len(text[position:]) - len(text[position:].lstrip())
            raise ValueError(
                f"filter {shown(text)}: cannot read {text[position : position + 10]!r} at character {position + 1}"
            )
        word = found.group(found.lastgroup or 0).strip()
        tokens.append((_RELATIONS.get(word.lower(), word), found.end() - len(word)))
        position = found.end()
    return tokens


class _Parser:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, text: str, tokens: list[tuple[str, int]]) -> None:
        self.text, self.tokens, self.next, self.depth = text, tokens, 0, 0

    def at_end(self) -> bool:
        """Tell whether all tokens are used."""
        return self.next >= len(self.tokens)

    def peek(self) -> str:
        """Give the next token, empty at the end."""
        return "" if self.at_end() else self.tokens[self.next][0]

    def take(self, wanted: str = "") -> str:
        """Use up the next token; it must be `wanted` if that is given."""
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise self.error(f"`{wanted}`" if wanted else "a value")
        self.next += 1
        return token

    def error(self, wanted: str) -> ValueError:
        """Say what stands where something else was wanted."""
        came = (
            f"{shown(self.peek())} at character {self.tokens[self.next][1] + 1}"
            if not self.at_end()
            else "the end"
        )
        return ValueError(f"filter {shown(self.text)}: came {came}, wanted {wanted}")

    def either(self) -> Tree:
        """Read a chain of `or`."""
        trees = [self.both()]
        while self.peek() == "||":
            self.take()
            trees.append(self.both())
        return joined(Either, trees)

    def both(self) -> Tree:
        """Read a chain of `and`."""
        trees = [self.negated()]
        while self.peek() == "&&":
            self.take()
            trees.append(self.negated())
        return joined(Both, trees)

    def negated(self) -> Tree:
        """Read `not …`, a parenthesis, or a test."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"at most {MAX_DEPTH} parentheses or `not` inside each other")
        if self.peek() == "!":
            self.take()
            tree: Tree = Not(self.negated())
        elif self.peek() == "(":
            self.take()
            tree = self.either()
            self.take(")")
        else:
            tree = self.test()
        self.depth -= 1
        return tree

    def test(self) -> Tree:
        """Read one test of a field or protocol."""
        name = self.field()
        if self.peek() == "in":
            self.take()
            return Member(name, self.members(name))
        mask = self.mask(name)
        if self.peek() in {"==", "!=", "<", ">", "<=", ">="}:
            relation = self.take()
            return Compare(name, relation, self.value(name, self.take()), mask)
        return Present(name) if mask is None else Compare(name, "!=", (0, 0), mask)

    def field(self) -> str:
        """Read a field's name and check that it is known."""
        if self.at_end() or (self.peek() not in FIELDS and self.peek() not in PROTOCOLS):
            raise self.error(f"a field or protocol, one of: {', '.join(sorted({*FIELDS, *PROTOCOLS}))}")
        return self.take()

    def mask(self, name: str) -> int | None:
        """Read `& mask` if there is one."""
        if self.peek() != "&":
            return None
        self.take()
        return self.value(name, self.take())[0]

    def members(self, name: str) -> tuple[Value, ...]:
        """Read `{a, b..c d}`."""
        self.take("{")
        ranges = []
        while self.peek() != "}":
            first, dots, last = self.take().partition("..")
            low, high = self.value(name, first), self.value(name, last if dots else first)
            ranges.append((low[0], high[1]))
            if self.peek() == ",":
                self.take()
        self.take("}")
        if not ranges:
            raise ValueError(f"filter {shown(self.text)}: `{name} in {{}}` has no members")
        return tuple(ranges)

    def value(self, name: str, word: str) -> Value:
        """Read a value of the field's kind."""
        if name in PROTOCOLS:
            raise ValueError(
                f"filter {shown(self.text)}: {name} is a protocol and has no value; write a field such as {name}.port, or `{name}` alone"
            )
        try:
            return read_value(FIELDS[name].kind, word.strip('"'))
        except ValueError as error:
            raise ValueError(f"filter {shown(self.text)}: {name} cannot be {shown(word)}: {error}") from error
