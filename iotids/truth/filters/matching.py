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
    first, last = value
    answers = []
    for name in field.columns:
        numbers = _column(packets, name)
        if field.mask:
            numbers = ((numbers & field.mask) != 0).astype(np.int64)
        if mask is not None:
            numbers = numbers & mask
        answers.append(_relate(numbers, relation, first, last))
    return reduce(np.logical_and if relation == "!=" else np.logical_or, answers)


def _relate(numbers: np.ndarray, relation: str, first: int, last: int) -> Mask:
    """Compare numbers with a range: equal means inside, less means before it, more means after it."""
    match relation:
        case "==":
            return (numbers >= first) & (numbers <= last)
        case "!=":
            return (numbers < first) | (numbers > last)
        case "<":
            return numbers < first
        case ">":
            return numbers > last
        case "<=":
            return numbers <= last
        case _:
            return numbers >= first


def _present(protocol: str, packets: pa.RecordBatch | pa.Table) -> Mask:
    """Tell which packets have a protocol; IPv4 and Ethernet are there when an address is."""
    match protocol:
        case "frame":
            return np.ones(packets.num_rows, dtype=bool)
        case "eth":
            return (_column(packets, "eth_src") | _column(packets, "eth_dst")) != 0
        case "ip":
            return (_column(packets, "ip_src") | _column(packets, "ip_dst")) != 0
        case "arp":
            return _column(packets, "arp_opcode") >= 0
        case "tcp":
            return _column(packets, "tcp_flags") >= 0
        case "udp":
            return (_column(packets, "ip_protocol") == 17) & (_column(packets, "src_port") >= 0)
        case "icmp":
            return _column(packets, "icmp_type") >= 0
    raise ValueError(f"protocol {protocol!r} is not one of {', '.join(PROTOCOLS)}")


def _column(packets: pa.RecordBatch | pa.Table, name: str) -> np.ndarray:
    """Give a column as signed 64-bit numbers."""
    return packets.column(name).to_numpy(zero_copy_only=False).astype(np.int64)
