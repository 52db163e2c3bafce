"""The table's hashes are under a secret: chosen packets spread like random ones, and no result depends on it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from iotids.flowmeter import profiles
from iotids.flowmeter.flows import Meter
from iotids.flowmeter.kernels.compiling import entry
from iotids.flowmeter.kernels.segments import bucket_of_entry
from iotids.flowmeter.pipeline import sweeping
from iotids.flowmeter.pipeline.table import FlowTable
from iotids.flowmeter.reading import blocks
from tests.packets import ACK, Record, ethernet, ipv4, tcp, udp, write_pcap

T0 = 1_600_000_000_000_000
WORD = 2**64
# of the hash that the table once had: it began with lo + hi * FACTOR
FACTOR = -7046029254386353131 % WORD
N_FLOWS = 40_000


def ipv6_frames(senders: Iterator[tuple[int, int]]) -> Iterator[Record]:
    """A datagram from each sender, of which the halves of the address are given."""
    head = struct.pack("!IHBB", 6 << 28, 8, 17, 64)
    receiver = bytes.fromhex("20010db8000000000000000000000001")
    for i, (hi, lo) in enumerate(senders):
        packet = head + struct.pack("!QQ", hi, lo) + receiver + udp(1000, 53)
        yield Record(T0 + i, ethernet(packet, 0x86DD))


def colliding_senders() -> Iterator[tuple[int, int]]:
    """Addresses that shared one hash when the hash had no secret."""
    for hi in range(1, N_FLOWS + 1):
        yield hi, (5 - hi * FACTOR) % WORD


def random_senders() -> Iterator[tuple[int, int]]:
    """As many addresses at random."""
    random = np.random.default_rng(3)
    yield from random.integers(0, WORD, (N_FLOWS, 2), np.uint64).tolist()


def mean_probes(path: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """How many slots a search looks at, on average over the flows in the table at the end."""
    found = []

    def finish(table: FlowTable) -> Iterator[object]:
        at = np.flatnonzero(table.slots)
        mask = len(table.slots) - 1
        found.append(float(np.mean(((at - (table.slots[at] >> 32)) & mask) + 1)))
        assert len(at) == N_FLOWS
        yield from ()

    monkeypatch.setattr(FlowTable, "finish", finish)
    meter = Meter(path, "clean", rows_wanted=False, threads=1)
    monkeypatch.setattr(meter, "_close", lambda: None)
    for _ in meter.booked_blocks():
        pass
    return found[0]


def test_addresses_that_were_chosen_to_collide_are_found_as_fast_as_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = write_pcap(tmp_path / "chosen.pcap", list(ipv6_frames(colliding_senders())))
    random = write_pcap(tmp_path / "random.pcap", list(ipv6_frames(random_senders())))
    assert mean_probes(chosen, monkeypatch) < 1.2 * mean_probes(random, monkeypatch)


def old_bucket_word(seq: int, ack: int, size: int, window: int) -> int:
    """What the hash of TCP segments once began with, for segments of one connection and side."""
    return ((seq << 32 | ack) + (size << 32 | window << 1) * FACTOR) % WORD


def colliding_segments(n: int) -> Iterator[tuple[int, int, int]]:
    """Sequence, acknowledgement number and window of segments without payload that shared one bucket."""
    for window in range(n):
        word = (77 - (window << 1) * FACTOR) % WORD
        assert old_bucket_word(word >> 32, word & 0xFFFFFFFF, 0, window) == 77
        yield word >> 32, word & 0xFFFFFFFF, window


@entry
def chain_lengths(segments, lengths):
    """Length of each bucket's chain. lengths : (buckets,) int64 — written."""
    for bucket in range(len(segments.buckets)):
        at = segments.buckets[bucket]
        lengths[bucket] = 0
        while at >= 0:
            lengths[bucket] += bucket_of_entry(segments.pool[at], segments) == bucket
            at = segments.pool[at]["chain"]


def test_segments_that_were_chosen_to_share_a_bucket_do_not(tmp_path: Path) -> None:
    """Corrected remembers every segment of a connection."""
    n = 20_000
    records = [
        Record(
            T0 + i,
            ethernet(ipv4("10.0.0.1", "10.0.0.2", 6, tcp(flags=ACK, seq=seq, ack=ack, window=window))),
        )
        for i, (seq, ack, window) in enumerate(colliding_segments(n))
    ]
    meter = Meter(write_pcap(tmp_path / "c.pcap", records), "corrected", rows_wanted=False, threads=1)
    lengths = []
    for _ in meter.booked_blocks():
        view = meter.table.segments.view
        lengths = np.empty(len(view.buckets), np.int64)
        chain_lengths(view, lengths)
    assert lengths.sum() == n
    assert lengths.max() < 12


SECRETS = {
    "zero": np.zeros(profiles.SECRET_WORDS, np.int64),  # everything in one bucket
    "ones": np.ones(profiles.SECRET_WORDS, np.int64),
    "random": np.random.default_rng(8).integers(-(2**63), 2**63, profiles.SECRET_WORDS),
}


def mixed_records() -> list[Record]:
    """Some thousand flows of TCP and UDP, that end, go on and come back."""
    records = []
    for i in range(6_000):
        host = i % 700 if i % 3 else i % 90
        transport = (
            (17, udp(host % 60 + 1, 53, bytes(i % 50)))
            if host % 3
            else (6, tcp(host % 60 + 1, 80, seq=i % 4, flags=16 + i % 8))
        )
        records.append(Record(T0 + i * 90_000, ethernet(ipv4(f"10.0.{host % 7}.9", "10.9.9.9", *transport))))
    return records


@pytest.mark.parametrize("spills", [False, True])
@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_rows_and_their_order_do_not_depend_on_the_secret(
    tmp_path: Path, profile: str, spills: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_pcap(tmp_path / "c.pcap", mixed_records())
    if spills:
        monkeypatch.setattr(blocks, "STEP_PACKETS", 500)
        monkeypatch.setattr(sweeping, "FLOWS_IN_MEMORY", 10)
    tables = []
    for secret in SECRETS.values():
        monkeypatch.setattr(profiles, "new_secret", lambda secret=secret: secret)
        meter = Meter(path, profile, idle_timeout_s=0 if spills else 120)
        tables.append(pa.Table.from_batches(list(meter.batches())))
    assert tables[0].num_rows > 300
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_every_run_draws_its_own_secret() -> None:
    first, second = profiles.new_secret(), profiles.new_secret()
    assert not (first == second).any()
    assert (first % 2 == 1).all()
