"""The language of capture filters (BPF), as far as rules need it, read into the same tree as display filters.

Known: `[src|dst] host|net|port|portrange …` with `ip`, `tcp`, `udp`, `ether`, `arp` or `icmp` before it, the
protocols alone, `and or not && || !`, parentheses. As in pcap-filter(7) `and` and `or` bind equally, from
left to right.
"""

from __future__ import annotations

import re

from iotids.truth.filters.display_filter import Both, Either, Not, Present, Tree, parse_filter

_WORDS = re.compile(r"\s*(&&|\|\||[!()]|[^\s()!&|]+)")
_PROTOCOLS = {"ip", "tcp", "udp", "icmp", "arp", "ether"}


def parse_bpf(text: str) -> Tree:
    """Read a capture filter such as `tcp and dst port 23 and not src net 10.0.0.0/8`.

    Raises
    ------
    ValueError
        What is wrong and what is known.
    """
    words = _WORDS.findall(text)
    if not words:
        raise ValueError(f"bpf {text!r}: empty")
    tree, rest = _chain(words, text)
    if rest:
        raise ValueError(f"bpf {text!r}: came {rest[0]!r}, wanted `and`, `or` or the end")
    return tree


def _chain(words: list[str], text: str) -> tuple[Tree, list[str]]:
    """Read tests joined by `and` and `or`, from left to right."""
    tree, words = _unary(words, text)
    while words and words[0] in {"and", "&&", "or", "||"}:
        join = Both if words[0] in {"and", "&&"} else Either
        right, words = _unary(words[1:], text)
        tree = join(tree, right)
    return tree, words


def _unary(words: list[str], text: str) -> tuple[Tree, list[str]]:
    """Read `not …`, a parenthesis or one test."""
    if not words:
        raise ValueError(f"bpf {text!r}: came the end, wanted a test such as `host 10.0.0.5`")
    if words[0] in {"not", "!"}:
        tree, rest = _unary(words[1:], text)
        return Not(tree), rest
    if words[0] == "(":
        tree, rest = _chain(words[1:], text)
        if not rest or rest[0] != ")":
            raise ValueError(f"bpf {text!r}: a parenthesis is not closed")
        return tree, rest[1:]
    return _test(words, text)


def _test(words: list[str], text: str) -> tuple[Tree, list[str]]:
    """Read one test: protocol, direction, kind, value."""
    protocol = direction = ""
    if words[0] in _PROTOCOLS:
        protocol, words = words[0], words[1:]
    if words and words[0] in {"src", "dst"}:
        direction, words = words[0], words[1:]
    if words and words[0] in {"host", "net", "port", "portrange"}:
        if len(words) < 2:
            raise ValueError(f"bpf {text!r}: came the end, wanted a value after {words[0]!r}")
        return _field_test(protocol, direction, words[0], words[1]), words[2:]
    if direction and words and re.match(r"[\d.]+", words[0]):
        return _field_test(protocol, direction, "host", words[0]), words[1:]
    if protocol and not direction:
        return Present("eth" if protocol == "ether" else protocol), words
    raise ValueError(
        f"bpf {text!r}: cannot read {' '.join(words[:2]) or 'the end'!r}; known are [src|dst] host, net, port, portrange, the "
        f"protocols {', '.join(sorted(_PROTOCOLS))}, and, or, not"
    )


def _field_test(protocol: str, direction: str, kind: str, value: str) -> Tree:
    """Write one test as a display filter and read that."""
    side = direction or "addr"
    if kind in {"host", "net"}:
        if protocol == "ether":
            return parse_filter(f"eth.{side} == {value}")
        address = parse_filter(f"ip.{side} == {value}")
        return Both(Present(protocol), address) if protocol in {"tcp", "udp", "icmp"} else address
    ports = value.replace("-", "..")
    field = {"src": "srcport", "dst": "dstport"}.get(direction, "port")
    tests = [
        parse_filter(f"{name}.{field} in {{{ports}}}")
        for name in ("tcp", "udp")
        if protocol in {"", "ip", name}
    ]
    if not tests:
        raise ValueError(f"a port needs tcp or udp, not {protocol}")
    return Either(*tests) if len(tests) == 2 else tests[0]
