"""The language of capture filters (BPF), as far as rules need it, read into the same tree as display filters.

Known: `[src|dst|src or dst|src and dst] host|net|port|portrange …` with `ether`, `ip`, `ip6`, `arp`, `tcp`,
`udp`, `sctp`, `icmp` or `icmp6` before it, the protocols alone, `[ip|ip6] proto …`, `less`, `greater`, `and or
not && || !`, parentheses; a bare value repeats the qualifiers before it (`port 80 or 443`). As in
pcap-filter(7) `and` and `or` bind equally, from left to right, and a host or net without a protocol is also one
of ARP. Unlike there, a filter needs no `vlan`: it sees the packet that the meter books.
"""

from __future__ import annotations

import re
from functools import reduce

from iotids.truth.filters.display_filter import (
    MAX_DEPTH,
    Both,
    Compare,
    Either,
    Member,
    Not,
    Present,
    Tree,
    joined,
    shown,
)
from iotids.truth.filters.fields import Value, is_ipv6, read_value

_WORD = re.compile(r"\s*(&&|\|\||[!()]|[^\s()!&|]+)")
_PROTOCOLS = {
    "ether": "eth",
    "ip": "ip",
    "ip6": "ipv6",
    "arp": "arp",
    "tcp": "tcp",
    "udp": "udp",
    "sctp": "sctp",
    "icmp": "icmp",
    "icmp6": "icmpv6",
}
_NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "icmp6": 58, "sctp": 132}
_WITH_PORTS = ("tcp", "udp", "sctp")
_KINDS = ("host", "net", "port", "portrange")
_LOOKED_THROUGH = {"vlan", "mpls", "pppoes", "geneve", "vxlan"}


def parse_bpf(text: str) -> Tree:
    """Read a capture filter such as `tcp and dst port 23 and not src net 10.0.0.0/8`.

    Raises
    ------
    ValueError
        What is wrong and what is known.
    """
    parser = _Parser(text, _words(text))
    if not parser.words:
        raise parser.error("empty")
    tree = parser.chain()
    if parser.peek():
        raise parser.error(f"came {shown(parser.peek())}, wanted `and`, `or` or the end")
    return tree


def _words(text: str) -> list[str]:
    """Cut the text into words and signs."""
    words, position, end = [], 0, len(text.rstrip())
    while position < end:
        found = _WORD.match(text, position)
        if not found:
            raise ValueError(f"bpf {shown(text)}: cannot read {shown(text[position:].strip()[:10])}")
        words.append(found.group(1))
        position = found.end()
    return words


class _Parser:
    """Recursive descent over the words of one filter."""

    def __init__(self, text: str, words: list[str]) -> None:
        self.text, self.words, self.next, self.depth = text, words, 0, 0
        self.qualifiers: tuple[str, str, str] | None = None  # of the last test with a value

    def peek(self, offset: int = 0) -> str:
        """Give a coming word, empty behind the end."""
        return self.words[self.next + offset] if self.next + offset < len(self.words) else ""

    def take(self, wanted: str) -> str:
        """Use up the next word."""
        if not self.peek() or self.peek() in {")", "("}:
            raise self.error(f"came {shown(self.peek() or 'the end')}, wanted {wanted}")
        self.next += 1
        return self.words[self.next - 1]

    def error(self, reason: str) -> ValueError:
        """Say what is wrong with the filter."""
        return ValueError(f"bpf {shown(self.text)}: {reason}")

    def chain(self) -> Tree:
        """Read tests joined by `and` and `or`, from left to right."""
        trees, last = [self.unary()], ""
        while (word := self.peek()) in {"and", "&&", "or", "||"}:
            self.next += 1
            join = "and" if word in {"and", "&&"} else "or"
            if last and join != last:
                trees = [joined(Both if last == "and" else Either, trees)]
            trees.append(self.unary())
            last = join
        return joined(Both if last == "and" else Either, trees)

    def unary(self) -> Tree:
        """Read `not …`, a parenthesis or one test."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"more than {MAX_DEPTH} parentheses or `not` inside each other")
        if self.peek() in {"not", "!"}:
            self.next += 1
            tree: Tree = Not(self.unary())
        elif self.peek() == "(":
            self.next += 1
            tree = self.chain()
            if self.peek() != ")":
                raise self.error("a parenthesis is not closed")
            self.next += 1
        else:
            tree = self.test()
        self.depth -= 1
        return tree

    def test(self) -> Tree:
        """Read one test: protocol, direction, kind, value; or a value with the qualifiers before it."""
        if self.peek() in {"less", "greater"}:
            relation = "<=" if self.take("a test") == "less" else ">="
            return Compare("frame.len", relation, self.value("number", self.take("a length")))
        protocol = self.take("a test") if self.peek() in _PROTOCOLS else ""
        if self.peek() == "proto":
            self.next += 1
            return self.ip_protocol(protocol, self.take("a protocol's name or number"))
        direction = self.direction()
        kind = self.take("a kind") if self.peek() in _KINDS else ""
        if protocol and not direction and not kind:
            return Present(_PROTOCOLS[protocol])
        if direction and not kind:
            kind = "host"
        if kind:
            self.qualifiers = protocol, direction, kind
        elif self.qualifiers is None or not re.match(r"[0-9A-Fa-f:.]*[0-9:]", self.peek()):
            raise self.unknown()
        return self.field_test(
            *self.qualifiers, self.take("a value behind " + shown(self.words[self.next - 1]))
        )

    def direction(self) -> str:
        """Read `src`, `dst`, `src or dst`, `src and dst`."""
        if self.peek() not in {"src", "dst"}:
            return ""
        first = self.take("a direction")
        if self.peek() in {"or", "and"} and self.peek(1) in {"src", "dst"} and self.peek(1) != first:
            both = self.peek()
            self.next += 2
            return "addr" if both == "or" else "both"
        return first

    def unknown(self) -> ValueError:
        """Say that a word is none of the language, and what is."""
        word = self.peek()
        if word in _LOOKED_THROUGH:
            return self.error(
                f"leave out {shown(word)}: tags and tunnels are looked through, as the meter does"
            )
        if "[" in word:
            return self.error(
                f"cannot read {shown(word)}; bytes of a header are asked for in a display filter, such as tcp.flags.syn == 1"
            )
        return self.error(
            f"cannot read {shown(word or 'the end')}; known are [src|dst] host, net, port, portrange, [ip|ip6] proto, less, "
            f"greater, the protocols {', '.join(sorted(_PROTOCOLS))}, and, or, not"
        )

    def ip_protocol(self, protocol: str, word: str) -> Tree:
        """Read the protocol above IP."""
        if protocol not in {"", "ip", "ip6"}:
            raise self.error(f"proto needs ip or ip6, not {protocol}")
        word = word.removeprefix("\\")
        value = (_NUMBERS[word],) * 2 if word in _NUMBERS else self.value("number", word)
        tests: list[Tree] = [
            Compare(field, "==", value)
            for name, field in (("ip", "ip.proto"), ("ip6", "ipv6.nxt"))
            if protocol in {"", name}
        ]
        return joined(Either, tests)

    def field_test(self, protocol: str, direction: str, kind: str, word: str) -> Tree:
        """Read the value of a test and make it."""
        if direction == "both":
            return Both(*(self.field_test(protocol, side, kind, word) for side in ("src", "dst")))
        side = direction or "addr"
        if kind in {"host", "net"}:
            if protocol == "ether":
                return self.member(f"eth.{side}", self.value("mac", word))
            return self.address_test(protocol, side, self.net(word) if kind == "net" else word)
        return self.port_test(protocol, side, word)

    def net(self, word: str) -> str:
        """Complete a net: `10.1` is 10.1.0.0/16, and `mask 255.0.0.0` may stand behind it."""
        if self.peek() == "mask":
            self.next += 1
            return f"{word}/{self.take('a mask')}"
        parts = word.split(".")
        if re.fullmatch(r"[0-9]+(\.[0-9]+){0,2}", word):
            return ".".join([*parts, *["0"] * (4 - len(parts))]) + f"/{8 * len(parts)}"
        return word

    def address_test(self, protocol: str, side: str, word: str) -> Tree:
        """Ask for an address in IPv4, IPv6 or ARP; each of them where no protocol is named."""
        version6 = is_ipv6(word)
        if (protocol == "ip6" and not version6) or (protocol in {"ip", "arp", "icmp"} and version6):
            raise self.error(f"{shown(word)} is no address of {protocol}")
        value = self.value("address6" if version6 else "address", word)
        ip = self.member(f"{'ipv6' if version6 else 'ip'}.{side}", value)
        names = {"src": ("src",), "dst": ("dst",), "addr": ("src", "dst")}[side]
        arp = reduce(Either, [self.member(f"arp.{name}.proto_ipv4", value) for name in names])
        if protocol == "arp":
            return arp
        if not protocol:
            return ip if version6 else Either(ip, arp)
        return ip if protocol in {"ip", "ip6"} else Both(Present(_PROTOCOLS[protocol]), ip)

    def port_test(self, protocol: str, side: str, word: str) -> Tree:
        """Ask for a port or a range of ports, of TCP, UDP and SCTP where none of them is named."""
        if protocol not in {"", "ip", "ip6", *_WITH_PORTS}:
            raise self.error(f"a port needs tcp, udp or sctp, not {protocol}")
        first, dash, last = word.partition("-")
        low, high = self.value("number", first), self.value("number", last if dash else first)
        field = {"src": "srcport", "dst": "dstport", "addr": "port"}[side]
        names = [name for name in _WITH_PORTS if protocol in {"", "ip", "ip6", name}]
        tree = joined(Either, [self.member(f"{name}.{field}", (low[0], high[1])) for name in names])
        return Both(Present(_PROTOCOLS[protocol]), tree) if protocol in {"ip", "ip6"} else tree

    def member(self, field: str, value: Value) -> Tree:
        """Ask whether one of a field's values lies in a range."""
        return Member(field, (value,))

    def value(self, kind: str, word: str) -> Value:
        """Read a value."""
        try:
            return read_value(kind, word)
        except ValueError as error:
            raise self.error(f"{shown(word)}: {error}") from error
