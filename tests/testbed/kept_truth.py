"""What the maker of a capture knows about each conversation, to compare with what the ground-truth files say."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from stages.testbed.tape import Label, Packet
from stages.testbed.wire import ETHERTYPE_IPV4, ICMP, TCP, UDP

Conversation = tuple[tuple[int, int], tuple[int, int], int]
UNREACHABLE = 3


def conversation(src: int, src_port: int, dst: int, dst_port: int, protocol: int) -> Conversation:
    """Name a conversation independently of its direction."""
    one, other = sorted(((src, src_port), (dst, dst_port)))
    return one, other, protocol


def conversation_of(frame: bytes) -> Conversation | None:
    """Name the conversation of a frame as CICFlowMeter does: ICMP complaints count as the UDP or TCP they quote, the rest as protocol 0."""
    if int.from_bytes(frame[12:14], "big") != ETHERTYPE_IPV4:
        return None
    src, dst = struct.unpack_from("!II", frame, 26)
    protocol, ports_at = frame[23], 34
    if protocol == ICMP and frame[34] == UNREACHABLE:
        protocol, ports_at = frame[34 + 8 + 9], 34 + 8 + 20
    if protocol not in (TCP, UDP):
        return conversation(src, 0, dst, 0, 0)
    src_port, dst_port = struct.unpack_from("!HH", frame, ports_at)
    return conversation(src, src_port, dst, dst_port, protocol)


def kept_truth(packets: Iterable[Packet]) -> dict[Conversation, Label]:
    """Return the label of every conversation; an attack packet makes the conversation an attack."""
    truth: dict[Conversation, Label] = {}
    for packet in packets:
        key = conversation_of(packet.frame)
        if key is not None and (packet.label.is_attack or key not in truth):
            truth[key] = packet.label
    return truth
