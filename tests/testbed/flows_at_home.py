"""A small network to let things happen in, and a reader for what came out."""

from __future__ import annotations

import struct
from dataclasses import replace
from random import Random
from typing import NamedTuple

from iotids.testbed.hosts import CLOUD, LINUX_3, LINUX_4, Host, Stack, local, remote
from iotids.testbed.lan import Lan, Scene
from iotids.testbed.tape import Tape

GATEWAY = local("gateway", "10.0.0.1", "02:00:00:00:00:01", LINUX_3)
DEVICE = local("device", "10.0.0.2", "02:00:00:00:00:02", LINUX_4, delay_us=2000)
NEIGHBOUR = local("neighbour", "10.0.0.3", "02:00:00:00:00:03", LINUX_3, delay_us=3000)
ATTACKER = local("attacker", "10.0.0.9", "02:00:00:00:00:09", LINUX_4)
SERVER = remote("server.example.net", "192.0.2.7", CLOUD, delay_us=40_000)


class Seen(NamedTuple):
    """The fields of one captured TCP segment."""

    time_us: int
    src: int
    dst: int
    src_port: int
    dst_port: int
    seq: int
    ack: int
    flags: int
    window: int
    options: bytes
    payload: bytes


def scene(
    *,
    seed: int = 1,
    loss: float = 0.0,
    disorder: float = 0.0,
    hosts: tuple[Host, ...] = (DEVICE, NEIGHBOUR, ATTACKER),
) -> Scene:
    """Return a fresh scene with its own tape."""
    rng = Random(seed)
    return Scene(Lan(GATEWAY, hosts, Tape(), rng), rng, loss=loss, disorder=disorder)


def like(host: Host, stack: Stack) -> Host:
    """Return the host with another stack."""
    return replace(host, stack=stack)


def segments(stage: Scene) -> list[Seen]:
    """Read the TCP segments on the tape, in capture order."""
    found = []
    for time_us, frame, _ in stage.lan.tape.in_order():
        src, dst = struct.unpack_from("!II", frame, 26)
        src_port, dst_port, seq, ack, offset, flags, window = struct.unpack_from("!HHIIBBH", frame, 34)
        start, end = 34 + (offset >> 4) * 4, 14 + int.from_bytes(frame[16:18], "big")
        found.append(
            Seen(
                time_us,
                src,
                dst,
                src_port,
                dst_port,
                seq,
                ack,
                flags,
                window,
                frame[54:start],
                frame[start:end],
            )
        )
    return found
