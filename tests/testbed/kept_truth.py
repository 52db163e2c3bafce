"""What the maker of a capture knows about each conversation, to compare with what the ground-truth files say."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from iotids.testbed.tape import Label, Packet
from iotids.testbed.wire import ETHERTYPE_IPV4, ICMP, TCP, UDP

Conversation = tuple[tuple[int, int], tuple[int, int], int]
UNREACHABLE = 3


def conversation(src: int, src_port: int, dst: int, dst_port: int, protocol: int) -> Conversation:
    """Name a conversation independently of its direction."""
    one, other = sorted(((src, src_port), (dst, dst_port)))
    return one, other, protocol


def conversations_of(frame: bytes) -> list[Conversation]:
    """Name the conversation of a frame; ICMP has the names that flow meters have for it.

    Old ones call it protocol 0, or count a complaint as a packet of the UDP or TCP it quotes; newer ones know
    protocol 1.
    """
    if int.from_bytes(frame[12:14], "big") != ETHERTYPE_IPV4:
        return []
    src, dst = struct.unpack_from("!II", frame, 26)
    if frame[23] in (TCP, UDP):
        return [_with_ports(frame, src, dst, frame[23], 34)]
    names = [conversation(src, 0, dst, 0, protocol) for protocol in (0, ICMP)]
    if frame[23] == ICMP and frame[34] == UNREACHABLE:
        names.append(_with_ports(frame, src, dst, frame[34 + 8 + 9], 34 + 8 + 20))
    return names


def _with_ports(frame: bytes, src: int, dst: int, protocol: int, ports_at: int) -> Conversation:
    src_port, dst_port = struct.unpack_from("!HH", frame, ports_at)
    return conversation(src, src_port, dst, dst_port, protocol)


def kept_truth(packets: Iterable[Packet]) -> dict[Conversation, Label]:
    """Return the label of every conversation; an attack packet makes the conversation an attack."""
    truth: dict[Conversation, Label] = {}
    for packet in packets:
        for key in conversations_of(packet.frame):
            if packet.label.is_attack or key not in truth:
                truth[key] = packet.label
    return truth
