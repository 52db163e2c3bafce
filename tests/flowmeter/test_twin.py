"""The compiled meter and the slow twin agree on arbitrary packet streams, under every profile, in every cell."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iotids.flowmeter.flows import Meter
from iotids.flowmeter.packets import packet_batches
from iotids.flowmeter.profiles import PROFILES
from iotids.flowmeter.reading import Capture
from tests.naive import naive_flows
from tests.packets import Record, arp, ethernet, icmp, ipv4, ipv6, sctp, tcp, udp, vlan, write_pcap

GOLDEN = Path(__file__).parents[2].parent / "shared" / "golden"
PARSE = Path(__file__).parents[1] / "golden" / "own__parse" / "capture.pcap"

ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3", "255.255.255.255"])
ADDRESSES_6 = st.sampled_from(["fe80::1", "2001:db8::2", "2001:db8:1:2:3:4:5:6", "::"])
NOT_OF_THE_TWIN = ("capture",)
SEQUENCE_NAMES = ("sequence_bytes", "sequence_iat_us", "sequence_flags")
PORTS = st.sampled_from([80, 1000, 1701])
FLAGS = st.one_of(st.sampled_from([2, 18, 16, 17, 24, 4, 20]), st.integers(0, 255))
SIZES = st.sampled_from([0, 0, 1, 6, 100, 1400])
GAPS = st.sampled_from(
    [
        0,
        1,
        999,
        400_000,
        1_000_000,
        1_000_001,
        6_000_000,
        50_000_000,
        119_999_999,
        121_000_000,
        -300,
        -2_000_000,
    ]
)


@st.composite
def transports(draw: st.DrawFn) -> tuple[int, bytes]:
    """An IP protocol number and its payload."""
    payload = bytes(draw(SIZES))
    kind = draw(st.sampled_from(["tcp", "tcp", "tcp", "udp", "icmp", "sctp", "other", "l2tp"]))
    if kind == "tcp":
        options = bytes(4 * draw(st.sampled_from([0, 0, 3, 10])))
        numbers = {
            "seq": draw(st.sampled_from([0, 1, 2**32 - 1, 5000])),
            "ack": draw(st.sampled_from([0, 7])),
        }
        return 6, tcp(
            draw(PORTS),
            draw(PORTS),
            flags=draw(FLAGS),
            payload=payload,
            options=options,
            window=draw(st.sampled_from([0, 5, 65535])),
            **numbers,
        )
    if kind == "udp":
        return 17, udp(draw(PORTS), draw(PORTS), payload)
    if kind == "l2tp":
        inner = ipv4("1.1.1.1", "2.2.2.2", 6, tcp(5, 6, payload=payload))
        return 17, udp(1701, 1701, bytes.fromhex("000200010002ff030021") + inner)
    if kind == "icmp":
        inner = (
            ipv4("10.0.0.2", "10.0.0.1", 17, udp(draw(PORTS), draw(PORTS)))
            if draw(st.booleans())
            else payload
        )
        return 1, icmp(
            draw(st.sampled_from([0, 3, 8, 12])), draw(st.sampled_from([0, 1, 3])), b"\0\0\0\0" + inner
        )
    if kind == "sctp":
        return 132, sctp(draw(PORTS), draw(PORTS), payload)
    return draw(st.sampled_from([2, 4, 41, 47, 50, 89, 112])), payload


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """An Ethernet frame, mostly sound."""
    protocol, payload = draw(transports())
    if draw(st.integers(0, 9)) == 0:
        inner = ipv6(draw(ADDRESSES_6), draw(ADDRESSES_6), 58 if protocol == 1 else protocol, payload)
        return ethernet(inner, 0x86DD)
    fragment = draw(st.sampled_from([(0, False)] * 8 + [(0, True), (5, True), (100, False)]))
    total = draw(st.sampled_from([-1] * 12 + [0, 19, 60_000]))
    packet = ipv4(
        draw(ADDRESSES),
        draw(ADDRESSES),
        protocol,
        payload,
        offset=fragment[0],
        more=fragment[1],
        ident=draw(st.integers(1, 2)),
        total=total,
    )
    shape = draw(st.integers(0, 19))
    if shape == 0:
        return ethernet(arp(), 0x0806, dst=b"\xff" * 6, pad=draw(st.booleans()))
    if shape == 1:
        return ethernet(vlan(vlan(packet), 0x8100), 0x88A8, pad=True)
    if shape == 2:
        return ethernet(vlan(packet), 0x8100, pad=True)
    if shape == 3:
        outer = ipv4(draw(ADDRESSES), draw(ADDRESSES), 47, bytes.fromhex("20000800000000ff") + packet)
        return ethernet(outer)
    if shape == 4:
        return ethernet(ipv4(draw(ADDRESSES), draw(ADDRESSES), 4, packet))
    if shape == 5:
        return ethernet(ipv6(draw(ADDRESSES_6), draw(ADDRESSES_6), 4, packet), 0x86DD)
    if shape == 6:
        return ethernet(bytes.fromhex("aaaa03000000") + b"\x08\x00" + packet, min(8 + len(packet), 1500))
    if shape == 7:
        return ethernet(packet)[: draw(st.integers(0, 80))]
    return ethernet(packet, pad=draw(st.booleans()))


@st.composite
def streams(draw: st.DrawFn) -> list[Record]:
    """Frames in time, sometimes stepping back."""
    time = 1_000_000_000_000_000
    records = []
    for frame in draw(st.lists(frames(), min_size=1, max_size=25)):
        time += draw(GAPS)
        cut = draw(st.sampled_from([None] * 9 + [60]))
        records.append(Record(time, frame[:cut], len(frame)))
    return records


NUMBERS = st.sampled_from([99, 100, 101, 102, 201, 202, 900, 901, 5000, 2**32 - 1, 0])


@st.composite
def conversations(draw: st.DrawFn) -> list[Record]:
    """TCP segments of few ends and few numbers, so that they answer, repeat and contradict each other."""
    time = 1_000_000_000_000_000
    records = []
    version = draw(st.sampled_from([4, 6]))
    ends = ("10.0.0.1", "10.0.0.2") if version == 4 else ("fe80::1", "2001:db8::2")
    for _ in range(draw(st.integers(1, 30))):
        time += draw(st.sampled_from([0, 10, 20_000, 2_000_000, 30_000_000, -50, -30_000_000, 125_000_000]))
        forward, ports = draw(st.booleans()), (1000, 80)
        segment = tcp(
            *(ports if forward else ports[::-1]),
            flags=draw(st.sampled_from([2, 2, 18, 18, 16, 16, 24, 17, 4, 20, 6, 19, 0])),
            seq=draw(NUMBERS),
            ack=draw(NUMBERS),
            window=draw(st.sampled_from([0, 500, 500])),
            payload=bytes(draw(st.sampled_from([0, 0, 1, 1, 100]))),
        )
        src, dst = ends if forward else ends[::-1]
        packet = ipv4(src, dst, 6, segment) if version == 4 else ipv6(src, dst, 6, segment)
        records.append(Record(time, ethernet(packet, 0x0800 if version == 4 else 0x86DD)))
    return records


def differences(want: dict[str, Any], got: dict[str, Any]) -> list[str]:
    """Columns in which two rows differ."""
    found = []
    for name, a in want.items():
        b = got[name]
        if not (a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))):
            found.append(f"{name}: the twin has {a!r}, the meter {b!r}")
    return found


def compare(path: Path, records: list[Record], profile: str, **options: Any) -> None:
    """Meter a capture both ways."""
    twin_options = {"idle_us": round(options["idle_timeout_s"] * 1e6)} if "idle_timeout_s" in options else {}
    if "tunnels" in options:
        twin_options["tunnels"] = options["tunnels"]
    want = naive_flows(records, profile, **twin_options)
    columns = ("sequence",) if len(records) % 2 else ()
    meter = Meter(path, profile, with_digest=False, columns=columns, **options)
    got = [row for batch in meter.batches() for row in batch.to_pylist()]
    assert len(got) == len(want.rows)
    for row, packets in zip(got if columns else (), want.sequences, strict=bool(columns)):
        filled = [*packets[:32], *[(0, 0, 0)] * (32 - len(packets))]
        for name, values in zip(SEQUENCE_NAMES, zip(*filled, strict=True), strict=True):
            assert row.pop(name) == list(values), name
    for a, b in zip(want.rows, got, strict=True):
        assert a.keys() | set(NOT_OF_THE_TWIN) == b.keys() | set(NOT_OF_THE_TWIN)
        assert not differences(a, b), (a["flow_id"], differences(a, b))
    assert meter.ledger.set_aside == want.aside
    booked = pa.Table.from_batches(packet_batches(path, profile, **options)).column("flow_number").to_pylist()
    assert booked == want.booked


@pytest.mark.parametrize("profile", PROFILES)
@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(records=streams())
def test_meter_and_twin_agree_on_any_stream(tmp_path: Path, profile: str, records: list[Record]) -> None:
    compare(write_pcap(tmp_path / "c.pcap", records), records, profile)


@pytest.mark.parametrize("profile", ["corrected", "clean"])
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(records=conversations())
def test_meter_and_twin_agree_on_any_conversation(
    tmp_path: Path, profile: str, records: list[Record]
) -> None:
    compare(write_pcap(tmp_path / "c.pcap", records), records, profile)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(records=streams())
def test_meter_and_twin_agree_without_idle_expiry_and_outside_tunnels(
    tmp_path: Path, records: list[Record]
) -> None:
    compare(write_pcap(tmp_path / "c.pcap", records), records, "clean", idle_timeout_s=0, tunnels="outer")


def records_of(path: Path) -> list[Record]:
    """Frames of a capture."""
    records = []
    for block in Capture(path, with_digest=False).blocks():
        for frame in block.frames:
            at = int(frame["offset"])
            records.append(
                Record(
                    int(frame["time_us"]),
                    bytes(block.data[at : at + int(frame["captured"])]),
                    int(frame["wire"]),
                )
            )
    return records


@pytest.mark.parametrize("profile", PROFILES)
def test_meter_and_twin_agree_on_parsing_edge_cases(profile: str) -> None:
    compare(PARSE, records_of(PARSE), profile)


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no golden captures at {GOLDEN}")
@pytest.mark.parametrize("profile", PROFILES)
def test_meter_and_twin_agree_on_all_golden_captures(profile: str) -> None:
    for folder in sorted(GOLDEN.iterdir()):
        if folder.is_dir() and "linuxsll" not in folder.name and "rtsp" not in folder.name:
            compare(folder / "capture.pcap", records_of(folder / "capture.pcap"), profile)
