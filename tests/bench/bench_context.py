"""Flows per second of the context kernel on one core, and its memory, on made tables: python -m
tests.bench.bench_context

Three kinds of traffic: a home, a busy network, and a flood of forged senders. Processor time of the thread, so
that other work on the machine counts as little as it can; the fastest of some runs.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import time

import numpy as np
import pyarrow as pa

from iotids.flowmeter.context import ContextStream

BATCH = 16_384
KINDS = ("home", "busy", "forged")


def make_flows(kind: str, n: int, seed: int = 1) -> pa.Table:
    """Flows of one kind of traffic, in order of their end."""
    rng = np.random.default_rng(seed)
    if kind == "home":
        sources, targets, rate = rng.integers(0, 30, n), 1_000 + rng.zipf(1.5, n) % 2_000, 20
    elif kind == "busy":
        popular, rare = 10_000 + rng.integers(0, 50, n), 70_000 + rng.zipf(1.3, n) % 65_000
        sources, targets, rate = (
            rng.integers(0, 2_000, n),
            np.where(rng.random(n) < 0.5, popular, rare),
            2_000,
        )
    else:
        sources, targets, rate = rng.integers(0, 1 << 32, n), np.full(n, 5), 50_000

    def addresses(numbers: np.ndarray) -> pa.Array:
        return pa.array(
            [f"{i >> 24 & 255}.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}" for i in numbers.tolist()]
        )

    return pa.table(
        {
            "src_ip": addresses(sources),
            "dst_ip": addresses(targets),
            "dst_port": rng.choice([80, 443, 1883, 8883, 53, 5683, 23, 123], n),
            "protocol": np.full(n, 6),
            "start_us": (np.arange(n) * (1e6 / rate)).astype(np.int64),
            "flow_duration_us": np.zeros(n, np.int64),
            "fwd_packets": rng.integers(1, 5, n),
            "bwd_packets": rng.integers(0, 3, n),
            "rst_flags": rng.integers(0, 2, n),
            "fwd_bytes": rng.integers(0, 999, n).astype(float),
            "bwd_bytes": np.zeros(n),
        }
    )


def cpu_seconds(table: pa.Table) -> float:
    """Processor time of one pass."""
    stream, start = ContextStream(), time.thread_time()
    for first in range(0, table.num_rows, BATCH):
        stream.update(table.slice(first, BATCH))
    return time.thread_time() - start


def main() -> None:
    """Print a line for each kind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flows", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    print(
        f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    cpu_seconds(make_flows("home", 1_000))
    for kind in KINDS:
        table = make_flows(kind, args.flows)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rates = [args.flows / cpu_seconds(table) / 1e6 for _ in range(args.repeats)]
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
        print(
            f"{kind:<8} {min(rates):.2f} to {max(rates):.2f} million flows/s; peak grew by {grown} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
