"""A rule: packets like these make their flow an attack of that kind. Rules come from D1's table and from your
own YAML or CSV.

A rule of your own can say any of: `captures` (glob), `host`, `mac`, `port`, `protocol`, `from`, `until`,
`filter` (display filter) and `bpf` (capture filter); all that it says must hold. `match: every` asks it of
every packet of the flow, `match: any` (default) of one. See docs/your-own-data.md.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import reduce
from typing import Any

import yaml

from iotids.truth.filters.bpf_filter import parse_bpf
from iotids.truth.filters.display_filter import Both, Compare, Either, Present, Tree, parse_filter
from iotids.truth.filters.fields import read_time_us

COMPRESSIONS = (".zst", ".gz", ".xz", ".bz2")
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
        plain = plain_name(capture)
        return any(fnmatch(name, self.captures) for name in (capture, plain, plain.rpartition("/")[2]))


def plain_name(capture: str) -> str:
    """Take the compression's ending off a capture's name."""
    return next(
        (capture.removesuffix(ending) for ending in COMPRESSIONS if capture.endswith(ending)), capture
    )


def read_rules(text: str, where: str) -> tuple[list[Rule], str | None]:
    """Read your own rules, YAML or CSV by the ending of `where`.

    Returns
    -------
    rules : list of Rule
        In the order of the file; the first that fits a flow wins.
    default : str or None
        Class of the flows that no rule fits; None leaves them unlabelled. A CSV writes it as a rule without
        conditions.

    Raises
    ------
    ValueError
        With the rule's number and what is wrong in it.
    """
    if where.endswith(".csv"):
        entries: Sequence[Mapping[str, Any]] = read_csv_rows(text, {"label"}, where)
        default = None
    else:
        content = yaml.safe_load(text) or {}
        if (
            not isinstance(content, Mapping)
            or not isinstance(content.get("rules"), list)
            or set(content) - {"rules", "default"}
        ):
            raise ValueError(
                f"{where}: wanted the keys `rules` (a list) and, if wished, `default`; came "
                f"{content if not isinstance(content, Mapping) else sorted(content)}"
            )
        entries, default = content["rules"], content.get("default")
    return [_rule(entry, f"{where}, rule {number}") for number, entry in enumerate(entries, start=1)], default


def _rule(entry: Any, where: str) -> Rule:
    """Read one rule of your own."""
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: wanted keys and values, came {entry!r}")
    entry = {key: value for key, value in entry.items() if value not in (None, "", [])}
    if unknown := set(entry) - _KEYS:
        raise ValueError(
            f"{where}: unknown key {', '.join(map(repr, sorted(map(str, unknown))))}; known are {', '.join(sorted(_KEYS))}"
        )
    if "label" not in entry:
        raise ValueError(f"{where}: no `label`")
    match = str(entry.get("match", "any"))
    if match not in {"any", "every"}:
        raise ValueError(f"{where}: match is {match!r}; wanted `any` or `every` (packet of the flow)")
    tests = located(_conditions, entry, where)
    return Rule(
        name=str(entry.get("name") or _wording(entry)),
        label=str(entry["label"]),
        sublabel=str(entry.get("sublabel", "")),
        packets=reduce(Both, tests) if tests else None,
        captures=str(entry.get("captures", "*")),
        every=match == "every",
    )


def _conditions(entry: Mapping[str, Any]) -> list[Tree]:
    """Turn the conditions of a rule into filters."""
    tests: list[Tree] = []
    if "host" in entry:
        tests.append(_any_of("ip.addr", entry["host"]))
    if "mac" in entry:
        tests.append(_any_of("eth.addr", entry["mac"]))
    if "port" in entry:
        tests.append(Either(_any_of("tcp.port", entry["port"]), _any_of("udp.port", entry["port"])))
    if "protocol" in entry:
        tests.append(_any_protocol(entry["protocol"]))
    if "from" in entry:
        tests.append(_time(">=", entry["from"]))
    if "until" in entry:
        tests.append(_time("<", entry["until"]))
    if "filter" in entry:
        tests.append(parse_filter(str(entry["filter"])))
    if "bpf" in entry:
        tests.append(parse_bpf(str(entry["bpf"])))
    return tests


def _any_of(field: str, values: Any) -> Tree:
    """Ask that a field has one of some values."""
    words = [str(value).strip() for value in (values if isinstance(values, list) else str(values).split())]
    return parse_filter(
        f"{field} in {{{' '.join(word.replace('-', '..') if field.endswith('port') else word for word in words)}}}"
    )


def _any_protocol(values: Any) -> Tree:
    """Ask for one of some protocols."""
    words = values if isinstance(values, list) else str(values).split()
    return reduce(Either, [parse_filter(str(word).lower()) for word in words])


def _time(relation: str, moment: Any) -> Compare | Present:
    """Compare the packet's time with a moment; YAML may have read it as a date already."""
    time_us = read_time_us(moment.isoformat() if hasattr(moment, "isoformat") else str(moment))
    return Compare("frame.time_epoch", relation, (time_us, time_us))


def _wording(entry: Mapping[str, Any]) -> str:
    """Write the conditions of a rule as its name."""
    words = [f"{key} {value}" for key, value in entry.items() if key not in {"label", "sublabel", "name"}]
    return ", ".join(words) or "every flow"


def located(read: Any, content: Any, where: str) -> Any:
    """Read something and put the place in front of what is wrong with it."""
    try:
        return read(content)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def read_csv_rows(text: str, wanted: set[str], where: str) -> list[dict[str, str]]:
    """Read a CSV with a header; a missing column is named."""
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""), skipinitialspace=True)
    came = [name.strip() for name in reader.fieldnames or []]
    if missing := wanted - set(came):
        raise ValueError(
            f"{where}: missing column {', '.join(map(repr, sorted(missing)))}; came {', '.join(map(repr, came)) or 'nothing'}"
        )
    reader.fieldnames = came
    rows = [row for row in reader if any(str(value).strip() for value in row.values() if value)]
    if broken := next(
        (number for number, row in enumerate(rows, start=2) if None in row or None in row.values()), None
    ):
        raise ValueError(
            f"{where}, line {broken}: not {len(came)} fields; a comma inside a field needs quotes"
        )
    return rows
