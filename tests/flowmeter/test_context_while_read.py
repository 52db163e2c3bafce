"""Context while a capture is still being read: the same values as at its end, two minutes of packet time behind."""

import numpy as np
import pyarrow as pa
import pytest

from iotids.flowmeter.columns.context import CONTEXT_NAMES
from iotids.flowmeter.context import of_capture, with_context
from iotids.flowmeter.flows import Meter
from iotids.flowmeter.live import LiveMeter
from iotids.flowmeter.reading import blocks
from tests.packets import ACK, FIN, SYN, Record, ethernet, ipv4, tcp, udp, write_pcap

MINUTE_US = 60_000_000
N_FLOWS = 2_000


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """Half an hour of flows among few hosts, most of them ending by silence and some by FIN."""
    rng, records = np.random.default_rng(5), []
    for flow in range(N_FLOWS):
        start = int(rng.integers(0, 30 * MINUTE_US))
        source, target = (f"10.0.0.{n}" for n in rng.permutation(6)[:2])
        port, ends = 1_024 + flow, rng.random() < 0.5
        for k, gap in enumerate(rng.integers(1, 20_000_000, rng.integers(1, 4)).cumsum().tolist()):
            segment = tcp(port, 80, flags=FIN | ACK if k and ends else SYN if k == 0 else ACK)
            packet = ipv4(source, target, 6, segment) if ends else ipv4(source, target, 17, udp(port, 53))
            records.append(Record(start + gap, ethernet(packet)))
    records.sort(key=lambda record: record.time_us)
    path = tmp_path_factory.mktemp("context") / "half-an-hour.pcap"
    write_pcap(path, records)
    return path


@pytest.fixture
def in_small_steps(monkeypatch):
    """Blocks of a few packets, and a look for silent flows after each: else the capture is one block."""
    monkeypatch.setattr(blocks, "STEP_PACKETS", 100)
    monkeypatch.setattr("iotids.flowmeter.flows.FRAMES_PER_BLOCK", 100)


def plain_rows(capture):
    return pa.Table.from_batches(list(Meter(capture, threads=1).batches()))


@pytest.mark.parametrize("memory", [of_capture.MEMORY_BYTES, 0])
@pytest.mark.parametrize("threads", [1, 2])
def test_rows_come_while_the_capture_is_read_in_the_same_order_with_the_same_context(
    capture, in_small_steps, monkeypatch, memory, threads
):
    monkeypatch.setattr(of_capture, "MEMORY_BYTES", memory)
    meter = Meter(capture, columns=("context",), threads=threads)
    parts, read = [], []
    for batch in meter.batches():
        parts.append(batch)
        read.append(meter.sweeper.certain.until_us)
    assert len(set(read)) > 10
    assert pa.Table.from_batches(parts).equals(with_context(plain_rows(capture)))


def test_a_flow_waits_for_little_more_than_the_idle_timeout(capture, in_small_steps):
    meter = Meter(capture, columns=("context",), threads=1)
    first = next(iter(meter.batches()))
    assert meter.table.counters.sum() > 0
    late_us = meter.sweeper._swept_at - int(first.column("start_us").to_numpy().min())
    assert late_us < 4 * MINUTE_US


@pytest.mark.parametrize("in_order", [True, False])
def test_live_rows_in_order_have_the_context_of_the_finished_capture_and_prompt_ones_differ(
    capture, in_small_steps, in_order
):
    with capture.open("rb", buffering=0) as arrival:
        options = {"columns": ("context",), "name": capture.name}
        meter = LiveMeter(
            "clean", stopped=lambda: False, arrival=Slowly(arrival), in_order=in_order, **options
        )
        found = pa.Table.from_batches(list(meter.batches())).sort_by("flow_number")
    wanted = with_context(plain_rows(capture)).sort_by("flow_number")
    assert found.drop_columns(list(CONTEXT_NAMES)).equals(wanted.drop_columns(list(CONTEXT_NAMES)))
    assert found.equals(wanted) is in_order


class Slowly:
    """A file of which each read gives little, as packets arrive."""

    def __init__(self, file):
        self._file = file

    def read(self, size):
        return self._file.read(min(size, 2_000))

    def readinto(self, target):
        return self._file.readinto(target[:2_000])

    def has_more(self):
        return False
