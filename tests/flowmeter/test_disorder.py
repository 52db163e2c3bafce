"""Captures whose packets are not in the order of their times: counted, and nothing negative in clean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iotids.flowmeter.columns.schema import CORRECTED_EXTRAS, FEATURES
from iotids.flowmeter.flows import Meter
from tests.packets import (
    ACK,
    Record,
    ethernet,
    ipv4,
    ng_interface,
    ng_packet,
    ng_section,
    tcp,
    udp,
    write_pcap,
)

T0 = 1_600_000_000_000_000
A, B = "192.0.2.1", "192.0.2.2"
SECOND = 1_000_000


def datagram(seconds: float, forward: bool = True, size: int = 10) -> Record:
    """A datagram between A and B."""
    frame = (
        ipv4(A, B, 17, udp(1000, 53, bytes(size))) if forward else ipv4(B, A, 17, udp(53, 1000, bytes(size)))
    )
    return Record(T0 + round(seconds * SECOND), ethernet(frame))


def metered(tmp_path: Path, records: list[Record], **options: Any) -> tuple[list[dict[str, Any]], Meter]:
    """Rows under the clean profile, and the meter."""
    meter = Meter(write_pcap(tmp_path / "c.pcap", records), "clean", **options)
    return [row for batch in meter.batches() for row in batch.to_pylist()], meter


def test_an_answer_before_its_request_in_time_gives_the_time_between(tmp_path: Path) -> None:
    (row,), meter = metered(tmp_path, [datagram(10), datagram(9, False)])
    assert (row["start_us"], row["flow_duration_us"]) == (T0 + 9 * SECOND, SECOND)
    assert (row["flow_iat_mean_us"], row["flow_packets_per_s"]) == (1e6, 2.0)
    assert meter.ledger.out_of_order == 1
    assert "1 out of order" in meter.ledger.in_words()


def test_gaps_add_up_to_the_duration_whatever_the_order(tmp_path: Path) -> None:
    seconds = [10, 12, 11, 13, 9, 12.5]
    (row,), meter = metered(tmp_path, [datagram(s) for s in seconds])
    assert (row["flow_duration_us"], row["fwd_iat_total_us"]) == (4 * SECOND, 4e6)
    assert row["flow_iat_mean_us"] * 5 == pytest.approx(4e6)
    assert (row["flow_iat_min_us"], row["flow_iat_max_us"]) == (0.0, 2e6)
    assert meter.ledger.out_of_order == 3


def test_a_packet_from_long_before_is_no_part_of_the_flow(tmp_path: Path) -> None:
    rows, _ = metered(tmp_path, [datagram(500), datagram(501), datagram(100), datagram(101)])
    assert [row["flow_duration_us"] for row in rows] == [SECOND, SECOND]


def test_no_flow_lasts_longer_than_the_timeout(tmp_path: Path) -> None:
    seconds = [0, 100, -30, 101, 102]
    for records in (
        [datagram(s) for s in seconds],
        [Record(T0 + s * SECOND, ethernet(ipv4(A, B, 6, tcp(flags=ACK)))) for s in seconds],
    ):
        rows, _ = metered(tmp_path, records)
        assert all(0 <= row["flow_duration_us"] <= 120 * SECOND for row in rows)
        assert all(row["connection_duration_us"] >= row["flow_duration_us"] for row in rows)


def test_packets_in_order_are_not_counted(tmp_path: Path) -> None:
    _, meter = metered(tmp_path, [datagram(s) for s in (1, 1, 2)])
    assert meter.ledger.out_of_order == 0
    assert "out of order" not in meter.ledger.in_words()
    assert meter.ledger.as_dict()["out_of_order"] == 0


def test_an_impossible_time_makes_no_other_packet_late(tmp_path: Path) -> None:
    path, data = tmp_path / "c.pcapng", datagram(0).data
    times = (T0, T0 * 100, T0 + 1)
    path.write_bytes(ng_section() + ng_interface() + b"".join(ng_packet(data, time_us) for time_us in times))
    meter = Meter(path, "clean", keep_going=True)
    assert sum(batch.num_rows for batch in meter.batches()) == 1
    assert (meter.ledger.set_aside, meter.ledger.out_of_order) == ({"impossible_time": 1}, 0)


STREAMS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.integers(-130_000_000, 130_000_000), st.integers(0, 50)),
    min_size=1,
    max_size=40,
)


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(stream=STREAMS)
def test_nothing_is_ever_negative(tmp_path: Path, stream: list[tuple[bool, bool, int, int]]) -> None:
    time_us, records = T0, []
    for forward, is_tcp, gap_us, size in stream:
        time_us += gap_us
        ends, ports = ((A, B), (1000, 80)) if forward else ((B, A), (80, 1000))
        body = tcp(*ports, flags=ACK, payload=bytes(size)) if is_tcp else udp(*ports, bytes(size))
        records.append(Record(time_us, ethernet(ipv4(*ends, 6 if is_tcp else 17, body))))
    rows, meter = metered(tmp_path, records)
    names = [c.name for c in FEATURES + CORRECTED_EXTRAS if not c.name.startswith("icmp")]
    assert not [(name, row[name]) for row in rows for name in names if row[name] < 0]
    latest = [max(r.time_us for r in records[:i]) for i in range(1, len(records))]
    assert meter.ledger.out_of_order == sum(
        record.time_us < before for record, before in zip(records[1:], latest, strict=True)
    )


def test_the_command_names_packets_out_of_order(tmp_path: Path) -> None:
    path = write_pcap(tmp_path / "c.pcap", [datagram(10), datagram(9)])
    command = [sys.executable, "-m", "stages.meter", str(path), "-o", str(tmp_path / "f.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "1 out of order" in done.stderr
