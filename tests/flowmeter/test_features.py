"""Hand-checked values, and properties that hold for any traffic."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iotids.flowmeter import profiles
from iotids.flowmeter.columns.schema import CORRECTED_EXTRAS, FEATURES, IDENTITY, SEQUENCE_PACKETS
from iotids.flowmeter.flows import Meter, flows_from_capture
from iotids.flowmeter.kernels import hashing, layout
from iotids.flowmeter.kernels.positions import N_FEATURES
from iotids.flowmeter.ledger import REASONS
from iotids.flowmeter.output.flow_files import java_double, microsecond_time, twelve_hour_time
from iotids.flowmeter.output.rows import columns_of
from iotids.flowmeter.pipeline import sweeping
from iotids.flowmeter.pipeline.table import FlowTable, Over
from iotids.flowmeter.reading import blocks
from tests.packets import ACK, FIN, PSH, RST, SYN, Record, ethernet, icmp, ipv4, tcp, udp, write_pcap

T0 = 1_600_000_000_000_000
A, B = "10.0.0.1", "10.0.0.2"


def segment(
    time_us: int, forward: bool, flags: int, size: int = 0, *, seq: int = 0, window: int = 100
) -> Record:
    """A TCP segment between A:1000 and B:80."""
    ends = (A, B, 1000, 80) if forward else (B, A, 80, 1000)
    return Record(
        T0 + time_us,
        ethernet(
            ipv4(*ends[:2], 6, tcp(*ends[2:], flags=flags, payload=bytes(size), seq=seq, window=window))
        ),
    )


# a connection: handshake, request of 100 bytes, answers of 200 and 300, the client closes
CONNECTION = [
    segment(0, True, SYN, seq=10, window=1000),
    segment(1_000, False, SYN | ACK, seq=50, window=2000),
    segment(2_000, True, ACK, seq=11),
    segment(3_000, True, ACK | PSH, 100, seq=11),
    segment(6_000, False, ACK, 200, seq=51, window=3000),
    segment(2_006_000, False, ACK | PSH, 300, seq=251, window=4000),
    segment(2_007_000, True, FIN | ACK, seq=111),
    segment(2_008_000, False, FIN | ACK, seq=551, window=5000),
    segment(2_009_000, True, ACK, seq=112),
]


def rows_of(tmp_path: Path, records: list[Record], profile: str, **options: float) -> list[dict[str, object]]:
    """Rows of a capture of some records."""
    return flows_from_capture(write_pcap(tmp_path / "c.pcap", records), profile, **options).to_pylist()  # type: ignore[arg-type]


def test_connection_under_the_corrected_profile(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, CONNECTION, "corrected")
    assert (row["fwd_packets"], row["bwd_packets"], row["flow_duration_us"]) == (5, 4, 2_009_000)
    assert (row["fwd_bytes"], row["fwd_packet_mean_bytes"], row["bwd_packet_mean_bytes"]) == (
        100.0,
        20.0,
        pytest.approx(125.0),
    )
    assert row["fwd_packet_std_bytes"] == pytest.approx(math.sqrt(2000))
    assert (row["flow_iat_max_us"], row["flow_iat_min_us"], row["flow_iat_mean_us"]) == (2e6, 1e3, 251_125.0)
    assert (row["fwd_iat_total_us"], row["bwd_iat_total_us"]) == (2_009_000.0, 2_007_000.0)
    assert (row["fin_flags"], row["syn_flags"], row["ack_flags"], row["psh_flags"]) == (2, 2, 8, 2)
    assert (row["fwd_psh_flags"], row["bwd_psh_flags"]) == (1, 1)
    assert (
        row["fwd_header_bytes"],
        row["bwd_header_bytes"],
        row["fwd_header_min_bytes"],
        row["bwd_header_min_bytes"],
    ) == (100, 80, 20, 0)
    assert (row["fwd_init_window_bytes"], row["bwd_init_window_bytes"]) == (1000, 2000)
    assert (row["down_up_ratio"], row["packet_average_bytes"]) == (0.8, 600 / 9)
    assert (row["subflow_fwd_packets"], row["subflow_bwd_bytes"]) == (5.0, 500.0)
    assert row["flow_bytes_per_s"] == 600 / 2.009


def test_connection_under_the_original_profile_ends_at_the_servers_fin(tmp_path: Path) -> None:
    (row,) = rows_of(
        tmp_path, CONNECTION, "original"
    )  # the last ACK is a flow of one packet, which is not written
    assert (row["fwd_packets"], row["bwd_packets"], row["last_packet"]) == (4, 4, 8)
    assert (row["packet_min_bytes"], row["packet_mean_bytes"], row["packet_average_bytes"]) == (
        0.0,
        600 / 9,
        75.0,
    )
    assert (row["down_up_ratio"], row["bwd_init_window_bytes"], row["fwd_psh_flags"]) == (1.0, 5000, 0)


def test_connection_under_the_papers_profile_ends_at_the_first_fin(tmp_path: Path) -> None:
    first, second = rows_of(tmp_path, CONNECTION, "paper")
    assert (first["fwd_packets"], first["bwd_packets"], first["last_packet"]) == (4, 3, 7)
    assert (second["src_ip"], second["fwd_packets"], second["bwd_packets"]) == (B, 1, 1)
    assert first["subflow_fwd_packets"] == 0.0  # four packets over seven sub-flows, in whole numbers
    assert first["idle_max_us"] > 1e15  # an absolute time


def test_clean_counts_a_segment_sent_again_but_no_bare_ack(tmp_path: Path) -> None:
    again = [
        segment(4_000, True, ACK | PSH, 100, seq=11),
        segment(4_500, True, ACK, seq=111),
        segment(4_600, True, ACK, seq=111),
    ]
    records = [*CONNECTION[:4], *again]
    assert [row["fwd_retransmissions"] for row in rows_of(tmp_path, records, "clean")] == [1]
    assert [row["fwd_retransmissions"] for row in rows_of(tmp_path, records, "corrected")] == [2]


def test_clean_recognises_retransmission_across_the_wrap_of_sequence_numbers(tmp_path: Path) -> None:
    records = [
        segment(0, True, ACK, 100, seq=2**32 - 50),
        segment(1, True, ACK, 100, seq=50),
        segment(2, True, ACK, 100, seq=2**32 - 50),
    ]
    assert [row["fwd_retransmissions"] for row in rows_of(tmp_path, records, "clean")] == [1]


@pytest.mark.parametrize(("gap_us", "flows"), [(120_000_000, 1), (120_000_001, 2)])
@pytest.mark.parametrize("profile", ["corrected", "clean"])
def test_flow_ends_when_a_packet_is_later_than_the_timeout_not_when_it_is_just_on_it(
    tmp_path: Path, profile: str, gap_us: int, flows: int
) -> None:
    assert len(rows_of(tmp_path, [segment(0, True, ACK), segment(gap_us, True, ACK)], profile)) == flows


def test_timeouts_are_options(tmp_path: Path) -> None:
    records = [segment(0, True, ACK), segment(9_000_000, False, ACK), segment(20_000_000, True, ACK)]
    assert len(rows_of(tmp_path, records, "clean", flow_timeout_s=10)) == 2
    assert len(rows_of(tmp_path, records, "clean", idle_timeout_s=8)) == 3
    assert rows_of(tmp_path, records, "clean", activity_timeout_s=10)[0]["idle_mean_us"] == 11e6
    assert rows_of(tmp_path, records, "clean")[0]["idle_mean_us"] == 10e6


def test_continued_connection_keeps_its_direction_and_adds_up_its_time(tmp_path: Path) -> None:
    records = [segment(t * 1_000_000, t % 40 == 0, ACK) for t in range(0, 260, 20)]
    first, second = rows_of(tmp_path, records, "clean")[:2]
    assert (first["src_ip"], second["src_ip"]) == (A, A)
    assert (
        second["connection_duration_us"]
        == first["flow_duration_us"] + 20_000_000 + second["flow_duration_us"]
    )


def test_reset_connection_that_starts_again_is_a_new_flow(tmp_path: Path) -> None:
    records = [
        segment(0, True, SYN, seq=10),
        segment(1, False, RST | ACK),
        segment(2, True, SYN, seq=70),
        segment(3, False, SYN | ACK, seq=5),
    ]
    for profile in ("corrected", "clean"):
        assert [row["bwd_packets"] for row in rows_of(tmp_path, records, profile)] == [1, 1]


def test_answer_without_its_request_is_a_backward_packet(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, [segment(0, False, SYN | ACK)], "clean")
    assert (row["src_ip"], row["fwd_packets"], row["bwd_packets"], row["fwd_packet_max_bytes"]) == (
        A,
        0,
        1,
        0.0,
    )


def test_paper_and_original_have_no_protocol_but_tcp_and_udp(tmp_path: Path) -> None:
    ping = [Record(T0 + i, ethernet(ipv4(A, B, 1, icmp()))) for i in range(2)]
    assert [rows_of(tmp_path, ping, profile)[0]["protocol"] for profile in profiles.PROFILES] == [0, 0, 1, 1]


def test_host_that_talks_to_itself_has_two_directions_only_in_clean(tmp_path: Path) -> None:
    there = ethernet(ipv4(A, A, 17, udp(1000, 53)))
    back = ethernet(ipv4(A, A, 17, udp(53, 1000)))
    records = [Record(T0, there), Record(T0 + 1, back)]
    assert [rows_of(tmp_path, records, profile)[0]["bwd_packets"] for profile in profiles.PROFILES] == [
        0,
        0,
        0,
        1,
    ]


def test_finished_flows_come_first_and_the_rest_in_the_order_of_a_java_hash_map(tmp_path: Path) -> None:
    records = [
        Record(T0 + i, ethernet(ipv4(A, B, 17, udp(port, 53)))) for i, port in enumerate([1, 2, 3, 4] * 2)
    ]
    rows = rows_of(tmp_path, records, "original")
    # worked out by hand: hash of "10.0.0.1-10.0.0.2-<port>-53-17", spread, modulo 16
    buckets = []
    for port in (1, 2, 3, 4):
        value = 0
        for letter in f"{A}-{B}-{port}-53-17":
            value = (31 * value + ord(letter)) % 2**32
        buckets.append(((value ^ value >> 16) % 16, port))
    assert [row["src_port"] for row in rows] == [port for _, port in sorted(buckets)]


PACKETS = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from([1, 2, 3]),
        st.sampled_from([SYN, ACK, ACK | PSH, FIN | ACK, RST]),
        st.integers(0, 1000),
        st.integers(0, 70_000_000),
    ),
    min_size=1,
    max_size=30,
)
QUIET = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def stream(choices: list[tuple[bool, int, int, int, int]], *, swapped: bool = False) -> list[Record]:
    """Packets between A and B on three ports; swapped: A and B with their ports exchanged."""
    time, records = T0, []
    for forward, port, flags, size, gap in choices:
        time += gap
        a, b = ((B, 80), (A, port)) if swapped else ((A, port), (B, 80))
        src, dst = (a, b) if forward else (b, a)
        records.append(
            Record(
                time, ethernet(ipv4(src[0], dst[0], 6, tcp(src[1], dst[1], flags=flags, payload=bytes(size))))
            )
        )
    return records


@QUIET
@given(choices=PACKETS)
def test_swapping_the_endpoints_changes_nothing_but_their_names(
    tmp_path: Path, choices: list[tuple[bool, int, int, int, int]]
) -> None:
    plain = rows_of(tmp_path, stream(choices), "clean")
    mirrored = rows_of(
        tmp_path,
        [
            Record(r.time_us, s.data)
            for r, s in zip(stream(choices), stream(choices, swapped=True), strict=True)
        ],
        "clean",
    )
    names = [column.name for column in FEATURES + CORRECTED_EXTRAS]
    assert [[row[name] for name in names] for row in plain] == [
        [row[name] for name in names] for row in mirrored
    ]
    assert [row["src_ip"] for row in plain] == [A if row["src_ip"] == B else B for row in mirrored]


@QUIET
@given(choices=PACKETS, profile=st.sampled_from(list(profiles.PROFILES)))
def test_every_packet_is_in_one_flow_or_in_the_ledger(
    tmp_path: Path, choices: list[tuple[bool, int, int, int, int]], profile: str
) -> None:
    meter = Meter(write_pcap(tmp_path / "c.pcap", stream(choices)), profile)
    rows = [row for batch in meter.batches() for row in batch.to_pylist()]
    in_flows = sum(row["fwd_packets"] + row["bwd_packets"] for row in rows)
    assert in_flows + meter.ledger.packets_in_flows_not_written + sum(meter.ledger.set_aside.values()) == len(
        choices
    )


@QUIET
@given(choices=PACKETS)
def test_clean_and_corrected_write_finite_numbers_only(
    tmp_path: Path, choices: list[tuple[bool, int, int, int, int]]
) -> None:
    for profile in ("corrected", "clean"):
        for row in rows_of(tmp_path, stream(choices), profile):
            assert all(math.isfinite(value) for value in row.values() if isinstance(value, float))


@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_one_thread_and_two_and_any_block_size_give_the_same_table(tmp_path: Path, profile: str) -> None:
    records = []
    for i in range(20_000):
        host = i % 3_000 if i % 2 else i % 150
        transport = (
            (17, udp(host % 90 + 1, 53, bytes(i % 50)))
            if host % 3
            else (6, tcp(host % 90 + 1, 80, seq=i % 4, flags=i % 32))
        )
        records.append(
            Record(T0 + i * 20_000, ethernet(ipv4(f"10.0.{host % 7}.{host % 251}", B, *transport)))
        )
    path = write_pcap(tmp_path / "c.pcap", records)
    tables = []
    for threads, block in ((1, 4096), (2, 4096), (1, 333)):
        meter = Meter(path, profile, threads=threads)
        meter.capture.frames_per_block = block
        tables.append(pa.Table.from_batches(list(meter.batches())))
    assert tables[0].num_rows > 2_500
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_looking_for_silent_flows_changes_no_feature(tmp_path: Path) -> None:
    records = [
        Record(
            T0 + i * 10_000, ethernet(ipv4(f"10.1.{i % 200}.{i // 5_000}", B, 17, udp(5, 53, bytes(i % 9))))
        )
        for i in range(140_000)
    ]
    path = write_pcap(tmp_path / "c.pcap", records)
    often = flows_from_capture(path, "clean").sort_by("flow_number")
    meter = Meter(path, "clean")
    meter.sweeper.sweep = lambda oldest_us, n: ()  # type: ignore[method-assign]
    never = pa.Table.from_batches(list(meter.batches())).sort_by("flow_number")
    assert often.equals(never)


def test_flows_found_silent_are_those_that_are_even_when_time_runs_backwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(5)
    times = (
        T0
        + np.arange(20_000) * 50_000
        - random.integers(0, 200_000_000, 20_000) * (random.random(20_000) < 0.3)
    )
    hosts = random.integers(0, 400, 20_000) + np.arange(20_000) // 4_000 * 200
    records = [
        Record(int(t), ethernet(ipv4(f"10.1.{h // 250}.{h % 250}", B, 17, udp(5, 53))))
        for t, h in zip(times, hosts, strict=True)
    ]
    monkeypatch.setattr(blocks, "STEP_PACKETS", 300)
    meter = Meter(write_pcap(tmp_path / "c.pcap", records), "clean")
    table, ended = meter.table, []

    def expire(watermark_us: int) -> list[Over]:
        live = table.bodies[table.due != layout.NEVER]
        silent = live["number"][watermark_us - live["last"] > 120_000_000]
        table.flush()
        over_before = table.take()
        lots = list(FlowTable.expire(table, watermark_us))
        ended.append([int(number) for _, flows, _ in lots for number in flows["number"]])
        assert ended[-1] == sorted(silent.tolist())
        return over_before + lots

    monkeypatch.setattr(table, "expire", expire)
    assert sum(batch.num_rows for batch in meter.batches()) > 1_000
    assert sum(len(numbers) > 0 for numbers in ended) > 10


@pytest.mark.parametrize("with_tcp", [True, False])
@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_spilling_flows_to_disk_changes_nothing(
    tmp_path: Path, profile: str, with_tcp: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = []
    for i in range(30_000):
        host = i % 5_000 if i % 4 else i % 600
        transport = (
            (17, udp(host % 90 + 1, 53, bytes(i % 50)))
            if host % 3 == 0 or not with_tcp
            else (6, tcp(host % 90 + 1, 80, seq=i % 4, flags=16 + i % 3))
        )
        records.append(
            Record(
                T0 + i * 20_000 - (300_000_000 if i == 15_000 else 0),
                ethernet(ipv4(f"10.0.{host % 7}.{host % 251}", B, *transport)),
            )
        )
    path = write_pcap(tmp_path / "c.pcap", records)
    usual = flows_from_capture(path, profile, idle_timeout_s=0, columns=("sequence",))
    monkeypatch.setattr(blocks, "STEP_PACKETS", 500)
    monkeypatch.setattr(sweeping, "FLOWS_IN_MEMORY", 10)
    meter = Meter(path, profile, idle_timeout_s=0, columns=("sequence",))
    table, seen = meter.table, {}

    def final_order() -> np.ndarray:
        places = FlowTable._final_order(table)
        seen.update(spilled=table.disk.used[layout.RECORDS], still_there=int((places < 0).sum()))
        return places

    monkeypatch.setattr(table, "_final_order", final_order)
    assert pa.Table.from_batches(list(meter.batches())).equals(usual)
    assert seen["still_there"] > 100
    assert seen["spilled"] - seen["still_there"] > 100  # these came back


def test_codes_of_kernels_profiles_and_ledger_agree() -> None:
    assert (profiles.ORIGINAL, profiles.PAPER, profiles.CORRECTED, profiles.CLEAN) == (
        layout.ORIGINAL,
        layout.PAPER,
        layout.CORRECTED,
        layout.CLEAN,
    )
    names = ["METERED", *(name.upper() for name, _ in REASONS[1:])]
    aliases = {"IMPOSSIBLE_TIME": "ABSURD_TIME"}
    assert [getattr(layout, aliases.get(name, name)) for name in names] == list(range(layout.N_STATUS))
    assert len(FEATURES + CORRECTED_EXTRAS) == N_FEATURES
    assert profiles.SECRET_WORDS == hashing.SECRET_WORDS
    assert layout.SEQUENCE_PACKETS == SEQUENCE_PACKETS
    assert layout.KEY.itemsize == 64
    assert layout.FLOW.itemsize % 64 == 0
    assert columns_of(profiles.PROFILES["clean"]) == IDENTITY + FEATURES + CORRECTED_EXTRAS


def test_numbers_and_times_are_written_as_java_does() -> None:
    cases = {
        0.0: "0.0",
        1.0: "1.0",
        1234567.5: "1234567.5",
        1e7: "1.0E7",
        12345678.9: "1.23456789E7",
        0.001: "0.001",
        0.0005: "5.0E-4",
        1.5e15: "1.5E15",
    }
    assert {value: java_double(value) for value in cases} == cases
    assert [java_double(x) for x in (math.nan, math.inf, -math.inf)] == ["NaN", "Infinity", "-Infinity"]
    twelve = [twelve_hour_time(x * 1_000_000) for x in (0, 1389718800, 1389744000)]
    assert twelve == ["01/01/1970 12:00:00 AM", "14/01/2014 05:00:00 PM", "15/01/2014 12:00:00 AM"]
    assert [microsecond_time(T0 + x) for x in (0, 5_000, 5)] == [
        "2020-09-13 12:26:40",
        "2020-09-13 12:26:40.005",
        "2020-09-13 12:26:40.000005",
    ]
