"""The whole sample: every scenario's captures and ground truth, written below one folder."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from iotids.testbed.chance import stream
from iotids.testbed.pcapfile import write_capture
from iotids.testbed.scenarios import d1, d2, d3, d4
from iotids.testbed.scenarios.capture_set import Capture
from iotids.testbed.truthfiles.host_lists import write_attackers_and_targets, write_device_list
from iotids.testbed.truthfiles.packet_filters import Rule, write_rules
from iotids.testbed.truthfiles.zeek import write_conn_log

RULES_FILE = "D1/dataset_description.csv"
HOSTS_FILE = "D2/hosts.yaml"
DEVICES_FILE = "D3/List_Of_Devices.txt"
LOG_FILE = "conn.log.labeled"


def write_sample(
    folder: Path, *, seed: int, scale: float = 1.0, say: Callable[[str], None] = lambda text: None
) -> tuple[int, int, int]:
    """Write all captures (as .pcap.zst) and ground-truth files.

    Parameters
    ----------
    folder
        Made if needed; files of the same names are replaced.
    seed, scale
        Which sample, and how much of everything (1.0 is about 1/50 of the paper's flows).
    say
        Called with a line of text after each capture.

    Returns
    -------
    tuple of int
        Number of captures, of packets, of compressed bytes.
    """
    n_files = n_packets = n_bytes = 0
    for name, packets, size in _written(_captures_with_truth(folder, seed=seed, scale=scale), folder):
        n_files += 1
        n_packets += packets
        n_bytes += size
        say(f"{name}: {packets} packets, {n_bytes / 1e6:.1f} MB so far")
    return n_files, n_packets, n_bytes


def _written(captures: Iterable[Capture], folder: Path) -> Iterator[tuple[str, int, int]]:
    """Name, packets and compressed bytes of each capture. Compressing, three quarters of the work, runs on every
    core beside the making of the next ones, of which no more wait than there are cores.
    """
    cores = os.cpu_count() or 1
    waiting: deque[tuple[str, int, Future[int]]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        for capture in captures:
            target = folder / f"{capture.name}.zst"
            waiting.append(
                (capture.name, len(capture.packets), pool.submit(write_capture, capture.packets, target))
            )
            while len(waiting) > cores:
                name, packets, size = waiting.popleft()
                yield name, packets, size.result()
        for name, packets, size in waiting:
            yield name, packets, size.result()


def _captures_with_truth(folder: Path, *, seed: int, scale: float) -> Iterator[Capture]:
    """Yield every capture under its path below the sample folder, and write the truth of each scenario on the
    way.
    """
    rules: list[Rule] = []
    for capture, found in d1.captures(seed, scale):
        rules += found
        yield capture._replace(name=f"D1/{capture.name}")
    write_rules(rules, folder / RULES_FILE)
    write_attackers_and_targets(d2.ATTACKERS, d2.TARGETS, folder / HOSTS_FILE)
    for capture in d2.captures(seed, scale):
        yield capture._replace(name=f"D2/{capture.name}")
    write_device_list(d3.DEVICES, d3.GATEWAY, folder / DEVICES_FILE)
    for capture in d3.captures(seed, scale):
        yield capture._replace(name=f"D3/{capture.name}")
    for capture, infection in d4.captures(seed, scale):
        _write_log(folder, capture, infection, seed)
        yield capture._replace(name=f"D4/{capture.name}")


def _write_log(folder: Path, capture: Capture, infection: d4.Infection, seed: int) -> None:
    last_us = capture.packets[-1].time_us
    write_conn_log(
        capture.packets,
        folder / "D4" / infection.name / LOG_FILE,
        stream(seed, "D4", infection.name, "uid"),
        opened=_log_time(capture.packets[0].time_us),
        closed=_log_time(last_us) if infection.closed else None,
        benign_word=infection.benign_word,
    )


def _log_time(time_us: int) -> str:
    return f"{datetime.fromtimestamp(time_us // 1_000_000, UTC):%Y-%m-%d-%H-%M-%S}"
