"""The fields a rule can ask about: their kind, and the packet columns and presence they are read from.

A table of packets has the columns of the flow meter's packet view: fields of the packet that the meter books,
behind tags and, where the meter follows them, inside tunnels. Differences from Wireshark, all of them on
purpose: a packet has one IP header, the one its flow is named by (Wireshark looks at tunnel and content alike,
and into packets quoted by ICMP errors); a later fragment has the ports of its first; `ipv6.nxt` is the protocol
behind extension headers; `tcp.window_size` is the 16-bit field as sent (Wireshark scales it when it saw the
handshake; the two are equal on SYN packets, where published rules use it).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Value = tuple[int, int]
"""The integers a value stands for, first and last: an address is one, a subnet a range."""


@dataclass(frozen=True)
class Field:
    """One field: `kind` of its values, the packet `columns` that hold them, the `protocol` that must be there,
    a bit. An IPv6 address is held by two columns, `_hi` and `_lo` behind the name.
    """

    kind: str
    columns: tuple[str, ...]
    protocol: str
    mask: int = 0


PROTOCOLS: tuple[str, ...] = (
    "frame",
    "eth",
    "ip",
    "ipv6",
    "arp",
    "tcp",
    "udp",
    "sctp",
    "icmp",
    "icmpv6",
)

_FLAG_BITS = {
    "fin": 0x01,
    "syn": 0x02,
    "reset": 0x04,
    "push": 0x08,
    "ack": 0x10,
    "urg": 0x20,
    "ece": 0x40,
    "ecn": 0x40,
    "cwr": 0x80,
}

FIELDS: dict[str, Field] = {
    "frame.number": Field("number", ("packet_number",), "frame"),
    "frame.len": Field("number", ("wire_bytes",), "frame"),
    "frame.cap_len": Field("number", ("captured_bytes",), "frame"),
    "frame.time_epoch": Field("time", ("time_us",), "frame"),
    "frame.time": Field("time", ("time_us",), "frame"),
    "eth.src": Field("mac", ("eth_src",), "eth"),
    "eth.dst": Field("mac", ("eth_dst",), "eth"),
    "eth.addr": Field("mac", ("eth_src", "eth_dst"), "eth"),
    "eth.type": Field("number", ("eth_type",), "eth"),
    "ip.src": Field("address", ("ip_src",), "ip"),
    "ip.dst": Field("address", ("ip_dst",), "ip"),
    "ip.addr": Field("address", ("ip_src", "ip_dst"), "ip"),
    "ip.proto": Field("number", ("ip_protocol",), "ip"),
    "ip.version": Field("number", ("ip_version",), "ip"),
    "ipv6.src": Field("address6", ("ip6_src",), "ipv6"),
    "ipv6.dst": Field("address6", ("ip6_dst",), "ipv6"),
    "ipv6.addr": Field("address6", ("ip6_src", "ip6_dst"), "ipv6"),
    "ipv6.nxt": Field("number", ("ip_protocol",), "ipv6"),
    "ipv6.version": Field("number", ("ip_version",), "ipv6"),
    "tcp.srcport": Field("number", ("src_port",), "tcp"),
    "tcp.dstport": Field("number", ("dst_port",), "tcp"),
    "tcp.port": Field("number", ("src_port", "dst_port"), "tcp"),
    "tcp.flags": Field("number", ("tcp_flags",), "tcp"),
    "tcp.window_size": Field("number", ("tcp_window",), "tcp"),
    "tcp.window_size_value": Field("number", ("tcp_window",), "tcp"),
    "udp.srcport": Field("number", ("src_port",), "udp"),
    "udp.dstport": Field("number", ("dst_port",), "udp"),
    "udp.port": Field("number", ("src_port", "dst_port"), "udp"),
    "sctp.srcport": Field("number", ("src_port",), "sctp"),
    "sctp.dstport": Field("number", ("dst_port",), "sctp"),
    "sctp.port": Field("number", ("src_port", "dst_port"), "sctp"),
    "icmp.type": Field("number", ("icmp_type",), "icmp"),
    "icmp.code": Field("number", ("icmp_code",), "icmp"),
    "icmpv6.type": Field("number", ("icmp_type",), "icmpv6"),
    "icmpv6.code": Field("number", ("icmp_code",), "icmpv6"),
    "arp.opcode": Field("number", ("arp_opcode",), "arp"),
    "arp.src.hw_mac": Field("mac", ("arp_src_mac",), "arp"),
    "arp.dst.hw_mac": Field("mac", ("arp_dst_mac",), "arp"),
    "arp.src.proto_ipv4": Field("address", ("arp_src_ip",), "arp"),
    "arp.dst.proto_ipv4": Field("address", ("arp_dst_ip",), "arp"),
    **{
        f"tcp.flags.{name}": Field("number", ("tcp_flags",), "tcp", mask=bit)
        for name, bit in _FLAG_BITS.items()
    },
}


def read_value(kind: str, word: str) -> Value:
    """Read a value as the range of integers it stands for.

    Parameters
    ----------
    kind : {'number', 'address', 'address6', 'mac', 'time'}
    word : str
        A number may be hexadecimal or true/false; an address may be a subnet; a time is seconds since 1970,
        or ISO 8601 (UTC unless it says otherwise).

    Raises
    ------
    ValueError
        With the form that was wanted.
    """
    readers = {"number": _number, "address": _address, "address6": _address6, "mac": _mac, "time": _time}
    return readers[kind](word)


def read_mac(word: str) -> int:
    """Read a MAC address with `:`, `-` or `.` between its parts as a 48-bit integer."""
    digits = re.sub(r"[:.-]", "", word)
    if not re.fullmatch(r"[0-9A-Fa-f]{12}", digits):
        raise ValueError(f"{word[:40]!r} is no MAC address such as f0:18:98:5e:ff:9f")
    return int(digits, 16)


def is_ipv6(word: str) -> bool:
    """Tell whether an address or subnet is meant as IPv6."""
    return ":" in word


def _number(word: str) -> Value:
    """Read a decimal, hexadecimal or boolean number of at most 63 bits."""
    if word.lower() in {"true", "false"}:
        return (int(word.lower() == "true"),) * 2
    if not re.fullmatch(r"0[xX][0-9A-Fa-f]{1,16}|[0-9]{1,19}", word, re.ASCII):
        raise ValueError("wanted a number such as 23 or 0x02")
    number = int(word, 16 if word.lower().startswith("0x") else 10)
    if number >= 1 << 63:
        raise ValueError("wanted a number below 2^63")
    return number, number


def _address(word: str) -> Value:
    """Read an IPv4 address or subnet; bits beyond the prefix are ignored, as Wireshark does."""
    try:
        network = ipaddress.IPv4Network(word, strict=False)
    except ValueError:
        hint = "; IPv6 addresses are values of ipv6.src, ipv6.dst, ipv6.addr" if is_ipv6(word) else ""
        raise ValueError(
            f"wanted an IPv4 address such as 192.168.0.13 or a subnet such as 192.168.0.0/24{hint}"
        ) from None
    return int(network[0]), int(network[-1])


def _address6(word: str) -> Value:
    """Read an IPv6 address or subnet; bits beyond the prefix are ignored."""
    try:
        if "%" in word:
            raise ValueError
        network = ipaddress.IPv6Network(word, strict=False)
    except ValueError:
        raise ValueError(
            "wanted an IPv6 address such as 2001:db8::13 or a subnet such as 2001:db8::/32"
        ) from None
    return int(network[0]), int(network[-1])


def _mac(word: str) -> Value:
    """Read a MAC address."""
    return (read_mac(word),) * 2


def _time(word: str) -> Value:
    """Read a time as microseconds since 1970."""
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]*)?", word, re.ASCII):
        seconds, _, fraction = word.partition(".")
        time_us = int(seconds) * 1_000_000 + int(fraction.ljust(6, "0")[:6])
    else:
        time_us = read_time_us(word)
    return time_us, time_us


def read_time_us(word: str) -> int:
    """Read an ISO 8601 time as microseconds since 1970; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        raise ValueError(
            f"{word[:40]!r}: wanted a time such as 2019-05-26T13:11:06Z, or seconds since 1970"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
