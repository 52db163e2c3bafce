"""Time of the meter for twice the input over that for once, for inputs made to take long: python -m tests.bench.bench_twice

Interface blocks of a pcapng file, addresses that shared one hash before hashes had a secret, and a thousandfold
nesting of tags, tunnels and options. Processor time of the process, the two sizes in turn, the fastest of some
runs; wanted is a ratio of at most 2.5. Exit code 1 where one is higher.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from iotids.flowmeter.flows import Meter
from tests.flowmeter.test_encapsulations import NEST_LINKS, NESTS
from tests.flowmeter.test_hashing import colliding_senders, ipv6_frames
from tests.packets import Record, ng_block, ng_interface, ng_packet, ng_section, pcap_bytes

MOST = 2.5
T0 = 1_600_000_000_000_000
NESTED_PACKETS = 200  # so that a capture takes milliseconds


def interfaces(n: int) -> bytes:
    """A pcapng of n interface blocks and a packet."""
    return ng_section() + ng_interface(1) * n + ng_packet(bytes(60), T0)


def unknown_blocks(n: int) -> bytes:
    """A pcapng of n blocks of a type that nobody knows."""
    return ng_section() + ng_interface(1) + ng_block(0x0BAD, bytes(8)) * n + ng_packet(bytes(60), T0)


def sections(n: int) -> bytes:
    """A pcapng of n sections."""
    return (ng_section() + ng_interface(1) + ng_packet(bytes(60), T0)) * n


def colliding(n: int) -> bytes:
    """Datagrams of n senders with addresses that were chosen."""
    chosen = colliding_senders()
    return pcap_bytes(list(ipv6_frames(next(chosen) for _ in range(n))))


def nested(name: str) -> Callable[[int], bytes]:
    """A capture of frames with n layers of a kind."""

    def capture(n: int) -> bytes:
        frame = NESTS[name](n)
        return pcap_bytes(
            [Record(T0 + i, frame) for i in range(NESTED_PACKETS)], link=NEST_LINKS.get(name, 1)
        )

    return capture


INPUTS: dict[str, tuple[Callable[[int], bytes], int]] = {
    "interface blocks": (interfaces, 60_000),
    "unknown blocks": (unknown_blocks, 60_000),
    "sections": (sections, 1000),
    "colliding addresses": (colliding, 20_000),
    **{f"nested {name}": (nested(name), 1000) for name in NESTS},
}


def seconds(path: Path) -> float:
    """Processor time of metering a capture."""
    start = time.process_time()
    for _ in Meter(path, "clean", keep_going=True, threads=1, with_digest=False).batches():
        pass
    return time.process_time() - start


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    highest = 0.0
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {arguments.runs} runs\n")
    print("| input | n | n, ms | 2n, ms | ratio |\n|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for name, (make, n) in INPUTS.items():
            once, twice = Path(folder, "once"), Path(folder, "twice")
            once.write_bytes(make(n))
            twice.write_bytes(make(2 * n))
            seconds(twice)  # loads the kernels
            times = [(seconds(once), seconds(twice)) for _ in range(arguments.runs)]
            first, second = (1e3 * min(column) for column in zip(*times, strict=True))
            highest = max(highest, second / first)
            print(f"| {name} | {n:,} | {first:.1f} | {second:.1f} | {second / first:.2f} |", flush=True)
    return int(highest > MOST)


if __name__ == "__main__":
    sys.exit(main())
