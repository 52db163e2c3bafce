"""Live rows: when they go out, and that they are those of the finished capture."""

import io
import os
import sys

import numpy as np
import pyarrow as pa
import pytest

from iotids.detecting.following.growing_file import GrowingFile, Known
from iotids.flowmeter import live
from iotids.flowmeter.flows import flows_from_capture
from iotids.flowmeter.live import LiveMeter
from iotids.flowmeter.pipeline.table import OUTPUT_FLOWS
from iotids.flowmeter.reading.standard_input import Arriving
from tests.packets import ACK, FIN, RST, SYN, Record, ethernet, ipv4, pcap_bytes, tcp

SECOND_US = 1_000_000
IDLE_S = 120
N_FLOWS = 3 * OUTPUT_FLOWS


def segment(time_us, port, *, flags=SYN, seq=1, back=False):
    """A packet of a connection, there or back."""
    ends, ports = ("10.0.0.2", "10.0.0.1") if back else ("10.0.0.1", "10.0.0.2"), (port, 80)
    data = tcp(*(reversed(ports) if back else ports), flags=flags, seq=seq)
    return Record(time_us, ethernet(ipv4(*ends, 6, data)))


class Arrived:
    """Packets of which each read gives one, and whether more wait is what the test says."""

    def __init__(self, records, *, waits):
        header = pcap_bytes(records[:0])
        self.parts = [header, *(pcap_bytes([record])[len(header) :] for record in records)]
        self.reads, self._waits = 0, waits

    def read(self, size):
        self.reads += 1
        return self.parts.pop(0) if self.parts else b""

    def readinto(self, target):
        data = self.read(len(target))
        target[: len(data)] = data
        return len(data)

    def has_more(self):
        return self._waits


def rows_and_reads(records, *, waits):
    """The batches that a live meter gives, and how many packets had been read at each."""
    arrival = Arrived(records, waits=waits)
    batches, reads = [], []
    for batch in LiveMeter("clean", stopped=lambda: False, arrival=arrival).batches():
        batches.append(batch)
        reads.append(arrival.reads - 1)
    return batches, reads


@pytest.fixture
def reopened():
    """Connections of the same end points, each of which ends the one before."""
    return [segment(i * 1_000, 1_000, seq=1_000 * i) for i in range(20)]


def test_a_flow_goes_out_with_the_packet_that_ends_it_when_no_more_wait(reopened):
    batches, reads = rows_and_reads(reopened, waits=False)
    assert [batch.num_rows for batch in batches] == [1] * 20
    assert reads[:-1] == list(range(2, 21))


def test_while_more_packets_wait_flows_go_out_together_and_are_the_same(reopened, monkeypatch):
    alone, _ = rows_and_reads(reopened, waits=False)
    monkeypatch.setattr(live, "HELD_S", 1e9)
    together, _ = rows_and_reads(reopened, waits=True)
    assert [batch.num_rows for batch in together] == [20]
    assert pa.Table.from_batches(together).equals(pa.Table.from_batches(alone).combine_chunks())


def test_flows_wait_for_others_no_longer_than_they_may(reopened, monkeypatch):
    monkeypatch.setattr(live, "HELD_S", 0.0)
    _, reads = rows_and_reads(reopened, waits=True)
    assert reads[:-1] == list(range(2, 21))


def test_flows_that_were_silent_go_out_together_within_a_second_after_their_timeout():
    records = [segment(i, 2_000 + i) for i in range(N_FLOWS)]
    later = [segment(s * SECOND_US, 1_000 + s, flags=ACK) for s in range(1, IDLE_S + 4)]
    batches, reads = rows_and_reads([*records, *later], waits=False)
    sizes = [batch.num_rows for batch, n in zip(batches, reads, strict=True) if n == reads[0]]
    assert sum(sizes) == N_FLOWS
    assert max(sizes) > OUTPUT_FLOWS
    assert IDLE_S <= reads[0] - N_FLOWS <= IDLE_S + 2


def test_a_connection_that_was_closed_is_known_to_be_over_after_the_idle_timeout():
    closed = [
        segment(0, 1_000),
        segment(1_000, 1_000, flags=FIN | ACK, seq=2),
        segment(2_000, 1_000, flags=FIN | ACK, back=True),
        segment(3_000, 1_000, flags=RST, back=True),
    ]
    others = [segment(s * SECOND_US, 5_000, flags=ACK) for s in range(1, IDLE_S + 3)]
    _, reads = rows_and_reads([*closed, *others], waits=False)
    assert IDLE_S <= reads[0] - len(closed) <= IDLE_S + 2


def test_live_rows_are_those_of_the_finished_capture(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    times = np.sort(rng.integers(0, 400 * SECOND_US, 3_000)).tolist()
    ports = rng.integers(1_000, 1_400, len(times)).tolist()
    records = [segment(t, port, seq=int(rng.integers(1 << 32))) for t, port in zip(times, ports, strict=True)]
    (tmp_path / "-").write_bytes(pcap_bytes(records))
    wanted = flows_from_capture(tmp_path / "-", name="stdin").sort_by("flow_number")
    for waits in (False, True):
        batches, _ = rows_and_reads(records, waits=waits)
        assert pa.Table.from_batches(batches).sort_by("flow_number").equals(wanted)


def test_what_can_be_read_at_once_is_known_of_a_pipe_and_of_a_file_that_grows(tmp_path, monkeypatch):
    reader, writer = os.pipe()
    with io.FileIO(reader) as file, io.FileIO(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdin", file)
        arriving = Arriving(lambda: True)
        assert not arriving.has_more()
        pipe.write(b"more")
        assert arriving.has_more()
    path = tmp_path / "grows"
    path.write_bytes(b"first")
    grows = GrowingFile(path, Known(), lambda: True, lambda: False)
    assert grows.has_more()
    grows.read(5)
    assert not grows.has_more()
    grows.close()
