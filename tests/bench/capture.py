"""Write the benchmark's capture: many flows live at once, packet sizes as in mixed IoT traffic; the same
bytes for the same seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import IO

import numpy as np

PACKETS_PER_FLOW = 7
PACKETS_PER_S = 2_000  # capture clock, not speed
HEADER = 16 + 14 + 20  # record, Ethernet, IPv4
TCP_SHARE = 0.75


def write_capture(path: Path, *, flows: int = 200_000, parts: int = 1, seed: int = 7) -> int:
    """Write `parts` times `flows` new flows; returns the number of packets.

    Every flow starts within its part's time span and lives for an exponential time of 30 s on average. Three
    of four are TCP with handshake and, two of three, a proper close; the rest is UDP.
    """
    packets = 0
    with path.open("wb") as file:
        header = np.array([0xA1B2C3D4, 0x00040002, 0, 0, 262_144, 1], "<u4")
        file.write(header.tobytes())
        for part in range(parts):
            packets += _write_part(file, flows, part, np.random.default_rng([seed, part]))
    return packets


def _write_part(file: IO[bytes], flows: int, part: int, rng: np.random.Generator) -> int:
    """Write one part."""
    counts = 1 + np.minimum(rng.pareto(1.6, flows) * 3.6, 4000).astype(np.int64)
    target = flows * PACKETS_PER_FLOW
    counts[: max(0, target - int(counts.sum())) % flows] += 1
    n = int(counts.sum())
    span_us = target * 1_000_000 // PACKETS_PER_S
    flow = np.repeat(np.arange(flows), counts)
    position = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    is_tcp = rng.random(flows) < TCP_SHARE
    closes = rng.random(flows) < 0.67
    start = rng.integers(0, span_us, flows)
    life = rng.exponential(30e6, flows)
    moment = rng.random(n)
    moment[position == 0] = 0
    time = start[flow] + (life[flow] * moment).astype(np.int64)
    order = np.lexsort((time, flow))  # times ascend within each flow
    time = time[order]
    order = np.argsort(time, kind="stable")
    time, flow, position = time[order] + part * span_us, flow[order], position[order]
    left = counts[flow] - position  # 1: the flow's last packet
    tcp = is_tcp[flow]
    backward = np.where(position < 3, position == 1, rng.random(n) < 0.5)
    payload = rng.choice([0, 1, 2], n, p=[0.45, 0.35, 0.2])
    payload = np.where(
        payload == 0, 0, np.where(payload == 1, rng.integers(20, 400, n), rng.integers(900, 1449, n))
    )
    flags = np.where(position == 0, 2, np.where(position == 1, 18, np.where(payload > 0, 24, 16)))
    ending = closes[flow] & (counts[flow] > 5)
    flags = np.where(ending & ((left == 2) | (left == 3)), 17, flags)
    backward = np.where(ending & (left == 2), True, np.where(ending & (left == 3), False, backward))
    payload = np.where((flags & 3) > 0, 0, payload)
    payload = np.where(tcp, payload, np.maximum(payload, 8))
    _write_records(file, time, tcp, backward, payload, flags, _endpoints(flow, flows, part, rng), rng)
    return n


def _endpoints(flow: np.ndarray, flows: int, part: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Client and server address and port of each packet."""
    client = 0x0A000000 + rng.integers(0, 2_000, flows)
    server = np.where(
        rng.random(flows) < 0.5,
        0xC0A80000 + rng.integers(0, 50, flows),
        0x5D000000 + rng.integers(0, 1 << 22, flows),
    )
    client_port = 1024 + (np.arange(flows) * 7 + part * 13) % 64_000
    server_port = rng.choice([80, 443, 1883, 8883, 53, 5683, 23, 123], flows)
    return tuple(values[flow] for values in (client, server, client_port, server_port))


def _write_records(
    file: IO[bytes],
    time: np.ndarray,
    tcp: np.ndarray,
    backward: np.ndarray,
    payload: np.ndarray,
    flags: np.ndarray,
    ends: tuple[np.ndarray, ...],
    rng: np.random.Generator,
) -> None:
    """Lay the packets out as bytes, 100,000 at a time."""
    client, server, client_port, server_port = ends
    for at in range(0, len(time), 100_000):
        cut = slice(at, at + 100_000)
        back = backward[cut]
        ports = (
            np.where(back, server_port[cut], client_port[cut]),
            np.where(back, client_port[cut], server_port[cut]),
        )
        addresses = (np.where(back, server[cut], client[cut]), np.where(back, client[cut], server[cut]))
        file.write(_bytes_of(time[cut], tcp[cut], payload[cut], flags[cut], addresses, ports, rng))


def _bytes_of(
    time: np.ndarray,
    tcp: np.ndarray,
    payload: np.ndarray,
    flags: np.ndarray,
    addresses: tuple[np.ndarray, np.ndarray],
    ports: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> bytes:
    """Records of some packets."""
    transport = np.where(tcp, 20, 8)
    frame = 34 + transport + payload
    start = np.cumsum(16 + frame) - (16 + frame)
    data = np.zeros(int((16 + frame).sum()), np.uint8)

    def put(
        offset: np.ndarray | int,
        values: np.ndarray,
        size: int,
        *,
        big: bool = True,
        where: np.ndarray | None = None,
    ) -> None:
        at = start + offset
        if where is not None:
            at, values = at[where], values[where]
        for i in range(size):
            shift = 8 * (size - 1 - i) if big else 8 * i
            data[at + i] = (values >> shift) & 255

    put(0, time // 1_000_000 + 1_600_000_000, 4, big=False)
    put(4, time % 1_000_000, 4, big=False)
    put(8, frame, 4, big=False)
    put(12, frame, 4, big=False)
    put(16, 0x0200_0000_0000 + (addresses[1] & 0xFFFFFF), 6)
    put(22, 0x0200_0000_0000 + (addresses[0] & 0xFFFFFF), 6)
    put(28, np.full(len(time), 0x080045), 3)
    put(32, frame - 14, 2)
    put(38, np.where(tcp, 0x4006, 0x4011), 2)
    put(42, addresses[0], 4)
    put(46, addresses[1], 4)
    put(50, ports[0], 2)
    put(52, ports[1], 2)
    put(54, rng.integers(0, 1 << 32, len(time)), 4, where=tcp)
    put(62, np.full(len(time), 0x50), 1, where=tcp)
    put(63, flags, 1, where=tcp)
    put(64, rng.integers(0, 1 << 16, len(time)), 2, where=tcp)
    put(54, payload + 8, 2, where=~tcp)
    return data.tobytes()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--flows", type=int, default=200_000)
    args = parser.parse_args()
    print(f"{write_capture(args.path, flows=args.flows, parts=args.parts):,} packets")
