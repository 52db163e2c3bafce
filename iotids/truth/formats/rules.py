"""A rule: packets like these make their flow an attack of that kind. Rules come from D1's table and from your
own YAML or CSV.

A rule of your own can say any of: `captures` (glob), `host`, `mac`, `port`, `protocol`, `from`, `until`,
`filter` (display filter) and `bpf` (capture filter); all that it says must hold. `match: every` asks it of
every packet of the flow, `match: any` (default) of one. See docs/your-own-data.md.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iotids.truth.filters.bpf_filter import parse_bpf
from iotids.truth.filters.display_filter import (
    Both,
    Compare,
    Either,
    Member,
    Present,
    Tree,
    joined,
    parse_filter,
)
from iotids.truth.filters.fields import PROTOCOLS, is_ipv6, read_value
from iotids.truth.labelling.capture_names import names_capture
from iotids.truth.labelling.yaml_texts import read_yaml

_LISTS = {"host", "mac", "port", "protocol"}
_KEYS = {
    "label",
    "sublabel",
    "name",
    "captures",
    "host",
    "mac",
    "port",
    "protocol",
    "from",
    "until",
    "filter",
    "bpf",
    "match",
}


@dataclass(frozen=True)
class Rule:
    """`packets` is the filter, None for every packet; `every` asks it of all packets of a flow; `captures` is
    a glob.
    """

    name: str
    label: str
    sublabel: str
    packets: Tree | None
    captures: str = "*"
    every: bool = False

    def applies_to(self, capture: str) -> bool:
        """Tell whether the rule is about a capture, by its path or name, with or without the compression's
        ending.
        """
        return names_capture(self.captures, capture)


def read_rules(text: str, where: str) -> tuple[list[Rule], str | None]:
    """Read your own rules, YAML or CSV by the ending of `where`.

    Returns
    -------
    rules, default
        `default` is the class of flows no rule fits, None if the file names none; in a CSV it is a rule without
        conditions.

    Raises
    ------
    ValueError
        With the rule's number or the line, and what is wrong in it.
    """
    if where.lower().endswith(".csv"):
        rows = read_csv_rows(text, {"label"}, where)
        return [
            _rule({key: value for key, value in row.items() if value.strip()}, f"{where}, line {line}")
            for line, row in rows
        ], None
    content = read_yaml(text, where) or {}
    if (
        not isinstance(content, Mapping)
        or not isinstance(content.get("rules"), list)
        or set(content) - {"rules", "default"}
        or not isinstance(content.get("default"), str | None)
    ):
        raise ValueError(
            f"{where}: wanted the keys `rules` (a list) and, optionally, `default` (a class); came "
            f"{_shown(list(content)) if isinstance(content, Mapping) else type(content).__name__}"
        )
    rules = [_rule(entry, f"{where}, rule {number}") for number, entry in enumerate(content["rules"], 1)]
    return rules, content.get("default")


def _rule(entry: Any, where: str) -> Rule:
    """Read one rule of your own."""
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: wanted keys and values, came {_shown(entry)}")
    if unknown := set(entry) - _KEYS:
        raise ValueError(
            f"{where}: unknown key {_shown(sorted(unknown))[1:-1]}; known are {', '.join(sorted(_KEYS))}"
        )
    words = {key: _words(key, value, where) for key, value in entry.items()}
    if "label" not in words:
        raise ValueError(f"{where}: no `label`")
    match = words.get("match", ["any"])[0]
    if match not in {"any", "every"}:
        raise ValueError(f"{where}: match is {_shown(match)}; wanted `any` or `every` (packet of the flow)")
    tests = located(_conditions, words, where)
    return Rule(
        name=" ".join(words.get("name", [])) or _wording(entry),
        label=words["label"][0],
        sublabel=" ".join(words.get("sublabel", [])),
        packets=joined(Both, tests) if tests else None,
        captures=words.get("captures", ["*"])[0],
        every=match == "every",
    )


def _words(key: str, value: Any, where: str) -> list[str]:
    """Give what a key says as a list of texts; an empty condition would fit everything, and is refused."""
    values = value if isinstance(value, list) else [value]
    if not values or any(one is None or (isinstance(one, str) and not one.strip()) for one in values):
        if key == "sublabel":
            return []
        raise ValueError(f"{where}: `{key}` is empty; take it out, or say something")
    if not all(isinstance(one, str) for one in values) or (key not in _LISTS and len(values) > 1):
        wanted = "a text or a list of texts" if key in _LISTS else "a text"
        raise ValueError(f"{where}: `{key}` is {_shown(value)}; wanted {wanted}")
    if key not in _LISTS:
        return [values[0].strip()]
    words = [word for one in values for word in re.split(r"[\s,]+", one) if word]
    if not words:
        raise ValueError(f"{where}: `{key}` is empty; take it out, or say something")
    return words


def _conditions(words: Mapping[str, list[str]]) -> list[Tree]:
    """Turn the conditions of a rule into filters."""
    readers = {
        "host": _any_host,
        "mac": lambda macs: _member("mac", "eth.addr", macs),
        "port": _any_port,
        "protocol": lambda names: joined(Either, [_protocol(name) for name in dict.fromkeys(names)]),
        "from": lambda moments: _time(">=", moments[0]),
        "until": lambda moments: _time("<", moments[0]),
        "filter": lambda texts: parse_filter(texts[0]),
        "bpf": lambda texts: parse_bpf(texts[0]),
    }
    tests = {key: located(read, words[key], f"`{key}`") for key, read in readers.items() if key in words}
    begin, end = tests.get("from"), tests.get("until")
    if isinstance(begin, Compare) and isinstance(end, Compare) and begin.value >= end.value:
        raise ValueError(
            f"`until` ({_shown(words['until'][0])}) is not later than `from` ({_shown(words['from'][0])})"
        )
    return list(tests.values())


def _member(kind: str, field: str, words: Sequence[str]) -> Tree:
    """Ask that a field has one of some values."""
    return Member(field, tuple(read_value(kind, word) for word in words))


def _any_host(words: Sequence[str]) -> Tree:
    """Ask for one of some addresses or subnets, of IPv4 or IPv6, at either end."""
    by_version = {
        ("address6", "ipv6.addr"): [word for word in words if is_ipv6(word)],
        ("address", "ip.addr"): [word for word in words if not is_ipv6(word)],
    }
    return joined(Either, [_member(*field, chosen) for field, chosen in by_version.items() if chosen])


def _any_port(words: Sequence[str]) -> Tree:
    """Ask for one of some ports or ranges `80-90` of TCP, UDP or SCTP at either end."""
    ranges = []
    for word in words:
        first, dash, last = word.replace("..", "-").partition("-")
        low, high = read_value("number", first)[0], read_value("number", last if dash else first)[1]
        if low > high or high > 65535:
            raise ValueError(f"{_shown(word)} is no port or range of ports from 0 to 65535")
        ranges.append((low, high))
    return joined(Either, [Member(f"{name}.port", tuple(ranges)) for name in ("tcp", "udp", "sctp")])


def _protocol(word: str) -> Tree:
    """Ask for a protocol; `ip` and `icmp` mean both versions."""
    names = {"ip": ("ip", "ipv6"), "ipv4": ("ip",), "icmp": ("icmp", "icmpv6")}.get(
        word.lower(), (word.lower(),)
    )
    if unknown := set(names) - set(PROTOCOLS):
        raise ValueError(f"{_shown(unknown.pop())} is unknown; known are {', '.join([*PROTOCOLS, 'ipv4'])}")
    return joined(Either, [Present(name) for name in names])


def _time(relation: str, moment: str) -> Compare:
    """Compare the packet's time with a moment."""
    return Compare("frame.time_epoch", relation, read_value("time", moment))


def _wording(entry: Mapping[str, Any]) -> str:
    """Write the conditions of a rule as its name."""
    words = [
        f"{key} {', '.join(value) if isinstance(value, list) else value}"
        for key, value in entry.items()
        if key not in {"label", "sublabel", "name"}
    ]
    return ", ".join(words) or "every flow"


def _shown(value: Any) -> str:
    """Write a value for a message, its beginning if it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def located(read: Any, content: Any, where: str) -> Any:
    """Read something and put the place in front of what is wrong with it."""
    try:
        return read(content)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def read_csv_rows(text: str, wanted: set[str], where: str) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV with a header as (line where the row ends, row); empty rows are none.

    Raises
    ------
    ValueError
        A column is missing or comes twice, or a row has another number of fields.
    """
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), skipinitialspace=True)
    try:
        came = [name.strip() for name in next(reader, [])]
        if missing := wanted - set(came):
            raise ValueError(
                f"{where}: missing column {', '.join(map(repr, sorted(missing)))}; came {_shown(came) if came else 'nothing'}"
            )
        if len(set(came)) < len(came):
            raise ValueError(f"{where}: a column comes twice: {_shown(came)}")
        rows = []
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if len(fields) != len(came):
                raise ValueError(
                    f"{where}, line {reader.line_num}: {len(fields)} fields, not {len(came)}; a comma inside a field needs quotes"
                )
            rows.append((reader.line_num, dict(zip(came, fields, strict=True))))
        return rows
    except csv.Error as error:
        raise ValueError(f"{where}, line {reader.line_num}: no CSV: {error}") from error
