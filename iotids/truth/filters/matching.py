"""Match a filter against packets, whole batches at a time.

A field can have several values in one packet (`ip.addr` is source and destination). As in Wireshark from 3.6
on, `==`, `<`, `>` and `in` ask for any of them and `!=` for all; no test but `not …` is true where the field
is absent.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
import pyarrow as pa

from iotids.truth.filters.display_filter import Both, Compare, Either, Member, Not, Present, Tree
from iotids.truth.filters.fields import FIELDS, PROTOCOLS, Field

_VERSIONS = {"ip": 4, "ipv6": 6}
_NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1, "icmpv6": 58}
_LOW = (1 << 64) - 1
Mask = np.ndarray
"""(n,) bool, one entry per packet."""


def match_packets(tree: Tree, packets: pa.RecordBatch | pa.Table) -> Mask:
    """Tell for every packet whether the filter matches it.

    Parameters
    ----------
    tree : Tree
        From `parse_filter`.
    packets : (n,) rows
        Columns of the flow meter's packet view; those the filter does not ask about may be absent.

    Returns
    -------
    (n,) bool
    """
    match tree:
        case Both(left, right):
            return match_packets(left, packets) & match_packets(right, packets)
        case Either(left, right):
            return match_packets(left, packets) | match_packets(right, packets)
        case Not(inner):
            return ~match_packets(inner, packets)
        case Present(field):
            return _present(FIELDS[field].protocol if field in FIELDS else field, packets)
        case Compare(field, relation, value, mask):
            return _present(FIELDS[field].protocol, packets) & _compare(
                FIELDS[field], relation, value, mask, packets
            )
        case Member(field, ranges):
            tests = [_compare(FIELDS[field], "==", value, None, packets) for value in ranges]
            return _present(FIELDS[field].protocol, packets) & reduce(np.logical_or, tests)


def _compare(
    field: Field, relation: str, value: tuple[int, int], mask: int | None, packets: pa.RecordBatch | pa.Table
) -> Mask:
    """Compare all values of a field and join the answers: all for `!=`, any otherwise."""
    answers = []
    for name in field.columns:
        before, behind = (_sides6 if field.kind == "address6" else _sides)(packets, name, field, mask, value)
        answers.append(_relate(before, behind, relation))
    return reduce(np.logical_and if relation == "!=" else np.logical_or, answers)


def _sides(
    packets: pa.RecordBatch | pa.Table, name: str, field: Field, mask: int | None, value: tuple[int, int]
) -> tuple[Mask, Mask]:
    """Tell which values lie before a range, and which behind it."""
    numbers = _column(packets, name)
    if field.mask:
        numbers = ((numbers & field.mask) != 0).astype(np.int64)
    if mask is not None:
        numbers = numbers & mask
    return numbers < value[0], numbers > value[1]


def _sides6(
    packets: pa.RecordBatch | pa.Table, name: str, field: Field, mask: int | None, value: tuple[int, int]
) -> tuple[Mask, Mask]:
    """Tell the same of IPv6 addresses, which are two columns of 64 bit."""
    high, low = (
        packets.column(f"{name}_{half}").to_numpy(zero_copy_only=False).astype(np.uint64)
        for half in ("hi", "lo")
    )
    if mask is not None:
        high, low = high & np.uint64(mask >> 64), low & np.uint64(mask & _LOW)
    (first_high, first_low), (last_high, last_low) = (
        (np.uint64(end >> 64), np.uint64(end & _LOW)) for end in value
    )
    before = (high < first_high) | ((high == first_high) & (low < first_low))
    behind = (high > last_high) | ((high == last_high) & (low > last_low))
    return before, behind


def _relate(before: Mask, behind: Mask, relation: str) -> Mask:
    """Answer a relation: equal means inside the range, less before it, more behind it."""
    match relation:
        case "==":
            return ~(before | behind)
        case "!=":
            return before | behind
        case "<":
            return before
        case ">":
            return behind
        case "<=":
            return ~behind
        case _:
            return ~before


def _present(protocol: str, packets: pa.RecordBatch | pa.Table) -> Mask:
    """Tell which packets have a protocol; Ethernet is there when an address is, a transport when its ports are."""
    match protocol:
        case "frame":
            return np.ones(packets.num_rows, dtype=bool)
        case "eth":
            return (_column(packets, "eth_src") | _column(packets, "eth_dst")) != 0
        case "ip" | "ipv6":
            return _column(packets, "ip_version") == _VERSIONS[protocol]
        case "arp":
            return _column(packets, "arp_opcode") >= 0
        case "tcp" | "udp" | "sctp":
            return (_column(packets, "ip_protocol") == _NUMBERS[protocol]) & (
                _column(packets, "src_port") >= 0
            )
        case "icmp" | "icmpv6":
            return (_column(packets, "ip_protocol") == _NUMBERS[protocol]) & (
                _column(packets, "icmp_type") >= 0
            )
    raise ValueError(f"protocol {protocol!r} is not one of {', '.join(PROTOCOLS)}")


def _column(packets: pa.RecordBatch | pa.Table, name: str) -> np.ndarray:
    """Give a column as signed 64-bit numbers."""
    return packets.column(name).to_numpy(zero_copy_only=False).astype(np.int64)
