"""What can be read, and what is said about what cannot."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import struct
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from iotids.flowmeter.captures import NamedCapture, Options, meter_captures
from iotids.flowmeter.flows import Meter, flows_from_capture
from iotids.flowmeter.reading import CaptureFault, is_capture_name
from tests.packets import (
    MAC_A,
    MAC_B,
    Record,
    ethernet,
    icmp,
    ipv4,
    ipv6,
    ng_block,
    ng_interface,
    ng_packet,
    ng_section,
    pcap_bytes,
    tcp,
    udp,
    vlan,
    write_pcap,
)

T0 = 1_600_000_000_123_456
ROOT = Path(__file__).parents[2]
PING = ipv4("10.0.0.1", "10.0.0.2", 17, udp(1000, 53, b"question"))
PONG = ipv4("10.0.0.2", "10.0.0.1", 17, udp(53, 1000, b"a longer answer"))
PING_6 = ipv6("fe80::1", "fe80::2", 17, udp(1000, 53, b"question"))
DIALOGUE = [Record(T0, ethernet(PING)), Record(T0 + 250_000, ethernet(PONG))]


def one_flow(path: Path, profile: str = "clean", **options: object) -> dict[str, object]:
    """The only row of a capture."""
    rows = flows_from_capture(path, profile, **options).to_pylist()  # type: ignore[arg-type]
    assert len(rows) == 1
    return rows[0]


def assert_dialogue(row: dict[str, object]) -> None:
    """The row of DIALOGUE."""
    assert (row["src_ip"], row["src_port"], row["dst_ip"], row["dst_port"], row["protocol"]) == (
        "10.0.0.1",
        1000,
        "10.0.0.2",
        53,
        17,
    )
    assert (row["start_us"], row["flow_duration_us"], row["fwd_bytes"], row["bwd_bytes"]) == (
        T0,
        250_000,
        8.0,
        15.0,
    )
    assert (row["first_packet"], row["last_packet"]) == (1, 2)


@pytest.mark.parametrize("nanoseconds", [False, True])
@pytest.mark.parametrize("big", [False, True])
def test_pcap_of_both_byte_orders_and_resolutions_reads_the_same(
    tmp_path: Path, big: bool, nanoseconds: bool
) -> None:
    assert_dialogue(one_flow(write_pcap(tmp_path / "c.pcap", DIALOGUE, big=big, nanoseconds=nanoseconds)))


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zst", zstandard.compress),
        (".lz4", lambda data: pa.compress(data, codec="lz4", asbytes=True)),
    ],
)
def test_compressed_captures_read_the_same(tmp_path: Path, suffix: str, pack: object) -> None:
    path = tmp_path / f"c.pcap{suffix}"
    path.write_bytes(pack(pcap_bytes(DIALOGUE)))  # type: ignore[operator]
    assert is_capture_name(path.name)
    assert_dialogue(one_flow(path))


def test_compressed_capture_in_several_members_reads_to_the_end(tmp_path: Path) -> None:
    data = pcap_bytes(DIALOGUE)
    path = tmp_path / "c.pcap.gz"
    path.write_bytes(gzip.compress(data[:50]) + gzip.compress(data[50:]))
    assert_dialogue(one_flow(path))


def test_members_of_a_compressed_capture_may_end_at_any_byte_of_a_read(tmp_path: Path) -> None:
    data = pcap_bytes(DIALOGUE)
    path = tmp_path / "c.pcap.bz2"
    for pad in range(8):
        first = bz2.compress(data[:24]) + bz2.compress(b"") * 72  # some members, about one read's length
        path.write_bytes(first[: len(first)] + bz2.compress(b"") * pad + bz2.compress(data[24:]))
        assert_dialogue(one_flow(path))


@pytest.mark.parametrize("big", [False, True])
def test_pcapng_with_two_sections_and_time_options_reads_the_same(tmp_path: Path, big: bool) -> None:
    first = (
        ng_section(big=big)
        + ng_interface(113, big=big)
        + ng_interface(1, resolution=9, offset_s=1_000_000_000, big=big)
    )
    first += ng_packet(ethernet(PING), (T0 - 10**15) * 1000 + 999, interface=1, big=big)
    ticks = ((T0 + 250_000) * 2**20 + 10**6 - 1) // 10**6
    second = (
        ng_section(big=not big)
        + ng_interface(1, resolution=0x80 | 20, big=not big)
        + ng_packet(ethernet(PONG), ticks, big=not big)
    )
    path = tmp_path / "c.pcapng"
    path.write_bytes(first + ng_block(0xBAD, b"unknown", big=big) + second)
    assert_dialogue(one_flow(path))


def test_simple_packet_block_takes_the_snap_length_of_its_interface(tmp_path: Path) -> None:
    frame = ethernet(PING)
    path = tmp_path / "c.pcapng"
    path.write_bytes(
        ng_section() + ng_interface(1, snap=46) + ng_block(3, struct.pack("<I", len(frame)) + frame[:46])
    )
    assert one_flow(path)["fwd_bytes"] == 8.0


def radiotap(payload: bytes) -> bytes:
    """An unencrypted data frame to the distribution system, with quality of service."""
    data = bytes.fromhex("8801") + bytes(2) + MAC_B + MAC_A + MAC_B + bytes(4)
    return bytes.fromhex("0000080000000000") + data + bytes.fromhex("aaaa030000000800") + payload


LINKS = {
    "ethernet": (1, ethernet(PING)),
    "sll": (113, struct.pack("!HHH8sH", 0, 1, 6, MAC_A + bytes(2), 0x0800) + PING),
    "sll2": (276, struct.pack("!HHIHBB8s", 0x0800, 0, 2, 1, 0, 6, MAC_A + bytes(2)) + PING),
    "raw": (101, PING),
    "null": (0, struct.pack("<I", 2) + PING),
    "null of the other byte order": (0, struct.pack(">I", 2) + PING),
    "loop": (108, struct.pack(">I", 2) + PING),
    "ppp": (9, bytes.fromhex("ff030021") + PING),
    "ppp with compressed header": (9, bytes.fromhex("21") + PING),
    "radiotap": (127, radiotap(PING)),
    "vlan": (1, ethernet(vlan(PING), 0x8100)),
    "qinq": (1, ethernet(vlan(vlan(PING), 0x8100), 0x88A8)),
    "pppoe": (1, ethernet(struct.pack("!BBHHH", 0x11, 0, 1, len(PING) + 2, 0x0021) + PING, 0x8864)),
    "mpls": (1, ethernet(bytes.fromhex("0001004000020140") + PING, 0x8847)),
    "pseudo-wire": (1, ethernet(bytes.fromhex("00010140") + bytes(4) + ethernet(PING), 0x8847)),
    "gre": (1, ethernet(ipv4("1.1.1.1", "2.2.2.2", 47, bytes.fromhex("00000800") + PING))),
    "ethernet in gre": (
        1,
        ethernet(ipv4("1.1.1.1", "2.2.2.2", 47, bytes.fromhex("200065580000000f") + ethernet(PING))),
    ),
    "4in6": (1, ethernet(ipv6("fe80::1", "fe80::2", 4, PING), 0x86DD)),
    "snap": (1, ethernet(bytes.fromhex("aaaa030000000800") + PING, 100)),
}


@pytest.mark.parametrize("name", LINKS)
def test_clean_finds_the_datagram_behind_every_link_type_and_encapsulation(tmp_path: Path, name: str) -> None:
    link, frame = LINKS[name]
    row = one_flow(write_pcap(tmp_path / "c.pcap", [Record(T0, frame)], link=link))
    assert (row["src_ip"], row["dst_ip"], row["src_port"], row["dst_port"], row["fwd_bytes"]) == (
        "10.0.0.1",
        "10.0.0.2",
        1000,
        53,
        8.0,
    )


LONG = ipv4("10.0.0.1", "10.0.0.2", 17, udp(1000, 53, bytes(60)))
TRUE, NOTHING = "10.0.0.1-10.0.0.2-1000-53-17", ""
AS_ETHERNET = {  # link type, frame, and the flow that the three CICFlowMeter profiles make of it
    "ethernet": (*LINKS["ethernet"], TRUE),
    "raw": (*LINKS["raw"], TRUE),  # by accident: the frame read as an IPv4 header is one
    "sll": (*LINKS["sll"], NOTHING),
    "null": (*LINKS["null"], NOTHING),
    "loop": (*LINKS["loop"], NOTHING),
    "ppp with compressed header": (*LINKS["ppp with compressed header"], NOTHING),
    "radiotap": (*LINKS["radiotap"], NOTHING),
    "sll2": (*LINKS["sll2"], "2.0.0.0-0.1.0.0-0-0-0"),  # pieces of the header taken for addresses
    "ppp, 60 bytes or more": (9, bytes.fromhex("ff030021") + LONG, "64.17.0.0-10.0.0.1-0-0-0"),
}


@pytest.mark.parametrize("profile", ["original", "paper", "corrected"])
@pytest.mark.parametrize("name", AS_ETHERNET)
def test_cicflowmeter_s_profiles_take_every_link_type_for_ethernet(
    tmp_path: Path, name: str, profile: str
) -> None:
    link, frame, flow_id = AS_ETHERNET[name]
    meter = Meter(
        write_pcap(tmp_path / "c.pcap", [Record(T0, frame), Record(T0 + 1000, frame)], link=link), profile
    )
    rows = [row["flow_id"] for batch in meter.batches() for row in batch.to_pylist()]
    assert rows == ([flow_id] if flow_id else [])
    assert meter.ledger.set_aside == ({} if flow_id else {"no_ipv4": 2})


@pytest.mark.parametrize("name", ["ethernet", "sll", "radiotap"])
def test_sender_has_the_mac_address_of_the_link_layer(tmp_path: Path, name: str) -> None:
    link, frame = LINKS[name]
    assert (
        one_flow(write_pcap(tmp_path / "c.pcap", [Record(T0, frame)], link=link))["src_mac"]
        == "02:00:00:00:00:01"
    )


def test_ipv6_extension_headers_are_stepped_over(tmp_path: Path) -> None:
    datagram = udp(1000, 53, b"question")
    options = struct.pack("!BB6x", 60, 0) + struct.pack("!BB14x", 51, 1) + struct.pack("!BB10x", 17, 1)
    row = one_flow(
        write_pcap(
            tmp_path / "c.pcap",
            [Record(T0, ethernet(ipv6("2001:db8::1", "2001:db8::2", 0, options + datagram), 0x86DD))],
        )
    )
    assert (row["flow_id"], row["fwd_bytes"]) == ("2001:db8::1-2001:db8::2-1000-53-17", 8.0)


def test_tunnels_are_metered_inside_or_outside(tmp_path: Path) -> None:
    path = write_pcap(tmp_path / "c.pcap", [Record(T0, ethernet(ipv4("1.1.1.1", "2.2.2.2", 41, PING_6)))])
    assert one_flow(path, tunnels="inner")["flow_id"] == "fe80::1-fe80::2-1000-53-17"
    assert one_flow(path, tunnels="outer")["flow_id"] == "1.1.1.1-2.2.2.2-0-0-41"


def test_fragments_follow_their_first_one(tmp_path: Path) -> None:
    datagram = udp(1000, 53, bytes(3000))
    parts = [datagram[:1480], datagram[1480:2960], datagram[2960:]]
    records = [
        Record(T0 + i, ethernet(ipv4("10.0.0.1", "10.0.0.2", 17, part, offset=i * 185, more=i < 2, ident=9)))
        for i, part in enumerate(parts)
    ]
    row = one_flow(write_pcap(tmp_path / "c.pcap", records))
    assert (row["fwd_packets"], row["fwd_bytes"], row["fwd_header_bytes"]) == (3, 3000.0, 8)
    meter = Meter(write_pcap(tmp_path / "d.pcap", records[1:]))
    assert sum(batch.num_rows for batch in meter.batches()) == 0
    assert meter.ledger.set_aside == {"later_fragment": 2}


def test_lengths_come_from_the_headers_where_the_snap_length_cut(tmp_path: Path) -> None:
    frame = ethernet(ipv4("10.0.0.1", "10.0.0.2", 6, tcp(payload=bytes(1000))))
    path = write_pcap(tmp_path / "c.pcap", [Record(T0, frame[:60], len(frame))])
    assert one_flow(path, "clean")["fwd_bytes"] == 1000.0
    assert one_flow(path, "corrected")["fwd_bytes"] == 6.0


def test_ethernet_padding_is_no_payload_even_behind_a_vlan_tag(tmp_path: Path) -> None:
    bare_ack = ipv4("10.0.0.1", "10.0.0.2", 6, tcp())
    path = write_pcap(tmp_path / "c.pcap", [Record(T0, ethernet(vlan(bare_ack), 0x8100, pad=True))])
    assert one_flow(path, "clean")["fwd_bytes"] == 0.0
    assert one_flow(path, "corrected")["fwd_bytes"] == 2.0


def test_mixed_link_types_of_one_capture_are_each_decoded(tmp_path: Path) -> None:
    path = tmp_path / "c.pcapng"
    path.write_bytes(
        ng_section()
        + ng_interface(101)
        + ng_interface(1)
        + ng_packet(PING, T0)
        + ng_packet(ethernet(PONG), T0 + 250_000, interface=1)
    )
    assert_dialogue(one_flow(path))


def test_packets_of_link_types_with_one_name_are_counted_together(tmp_path: Path) -> None:
    path = tmp_path / "c.pcapng"
    interfaces = b"".join(ng_interface(link) for link in (12, 101, 1))
    packets = ng_packet(PING, T0) + ng_packet(PONG, T0, interface=1)
    path.write_bytes(ng_section() + interfaces + packets + ng_packet(ethernet(PING), T0, interface=2))
    meter = Meter(path)
    assert sum(batch.num_rows for batch in meter.batches()) == 1
    assert meter.ledger.links == {"Ethernet": 1, "raw IP": 2}


@pytest.mark.parametrize("profile", ["original", "paper", "corrected", "clean"])
def test_empty_capture_gives_an_empty_table(tmp_path: Path, profile: str) -> None:
    assert flows_from_capture(write_pcap(tmp_path / "c.pcap", []), profile).num_rows == 0


SOUND = pcap_bytes(DIALOGUE)
SECOND = 24 + 16 + len(DIALOGUE[0].data)  # where the second record begins
NG = ng_section() + ng_interface(1) + ng_packet(ethernet(PING), T0) + ng_packet(ethernet(PONG), T0)
NG_SECOND = len(ng_section() + ng_interface(1) + ng_packet(ethernet(PING), T0))


def patched(data: bytes, at: int, new: bytes) -> bytes:
    """Data with some bytes replaced."""
    return data[:at] + new + data[at + len(new) :]


FAULTS = {
    "empty file": (b"", 1, 0, "empty"),
    "three bytes": (b"\xd4\xc3\xb2", 1, 0, "3 bytes"),
    "wrong magic": (b"\x90\x00\x00\x4d" + bytes(100), 1, 0, "9000004d"),
    "cut-off file header": (SOUND[:20], 1, 0, "20 of 24"),
    "cut-off record header": (SOUND[: SECOND + 7], 2, SECOND, "7 bytes into a record header"),
    "cut-off record": (SOUND[:-5], 2, SECOND, "cut off"),
    "impossible length": (patched(SOUND, SECOND + 8, b"\xff\xff\xff\x7f"), 2, SECOND, "2147483647 exceeds"),
    "pcapng block length not a multiple of four": (
        patched(NG, NG_SECOND + 4, b"\x21"),
        2,
        NG_SECOND,
        "block length 33",
    ),
    "pcapng block lengths that differ": (patched(NG, len(NG) - 4, b"\x20"), 2, NG_SECOND, "differs"),
    "pcapng captured length beyond the block": (
        patched(NG, NG_SECOND + 20, b"\xff\xff"),
        2,
        NG_SECOND,
        "does not fit",
    ),
    "pcapng interface that is not described": (
        patched(NG, NG_SECOND + 8, b"\x07"),
        2,
        NG_SECOND,
        "not described",
    ),
    "pcapng cut-off block": (NG[:-9], 2, NG_SECOND, "cut off"),
    "pcapng of ten bytes": (NG[:4] + b"\x08\0\0\0\0\0", 1, 0, "10 bytes into"),
    "pcapng cut within a block header": (NG[: NG_SECOND + 10], 2, NG_SECOND, "10 bytes into"),
    "pcapng byte-order mark": (patched(NG, 8, b"\x00"), 1, 0, "byte-order mark"),
    "pcapng time stamp of the far future": (
        patched(NG, NG_SECOND + 12, b"\xff\xff\xff\x7f"),
        2,
        NG_SECOND + 28,
        "time stamp",
    ),
    "gzip cut in the middle": (gzip.compress(SOUND, mtime=0)[:60], None, None, "stops in the middle"),
    "xz cut in the middle": (lzma.compress(SOUND)[:-20], None, None, "stops in the middle"),
    "zstd cut in the middle": (zstandard.compress(SOUND * 50)[:90], None, None, "stops in the middle"),
    "damaged gzip": (
        patched(gzip.compress(SOUND + bytes(5000), mtime=0), 40, b"\xff\xff\xff\xff"),
        None,
        None,
        "damaged",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_damage_is_named_with_file_packet_and_byte(tmp_path: Path, name: str) -> None:
    data, packet, offset, words = FAULTS[name]
    path = tmp_path / "damaged.pcap"
    path.write_bytes(data)
    with pytest.raises(CaptureFault, match=words) as caught:
        flows_from_capture(path)
    assert "damaged.pcap" in str(caught.value)
    if packet is not None:
        assert (caught.value.packet, caught.value.offset) == (packet, offset)


@pytest.mark.parametrize("name", ["cut-off record", "impossible length", "pcapng cut-off block"])
def test_flows_before_the_damage_are_kept_when_asked(tmp_path: Path, name: str) -> None:
    path = tmp_path / "damaged.pcap"
    path.write_bytes(FAULTS[name][0])
    table = flows_from_capture(path, keep_going=True)
    assert table.num_rows == 1
    assert b"damaged.pcap, packet 2" in table.schema.metadata[b"incomplete"]


def test_impossible_times_are_set_aside_when_asked_to_keep_going(tmp_path: Path) -> None:
    path = tmp_path / "c.pcap"
    path.write_bytes(FAULTS["pcapng time stamp of the far future"][0])
    meter = Meter(path, keep_going=True)
    assert sum(batch.num_rows for batch in meter.batches()) == 1
    assert meter.ledger.set_aside == {"impossible_time": 1}


def test_frames_that_cannot_be_metered_are_in_the_ledger_by_reason(tmp_path: Path) -> None:
    broken = patched(ethernet(PING), 14, b"\x55")
    sound = [ethernet(PING), ethernet(ipv4("1.1.1.1", "2.2.2.2", 1, icmp()))]
    records = [
        Record(T0, frame) for frame in (b"", ethernet(PING)[:30], broken, ethernet(b"", 0x88CC), *sound)
    ]
    meter = Meter(write_pcap(tmp_path / "c.pcap", records))
    rows = sum(batch.num_rows for batch in meter.batches())
    assert (rows, meter.ledger.counts["metered"]) == (2, 2)
    assert meter.ledger.set_aside == {"not_ip": 1, "truncated": 1, "malformed": 1, "empty": 1}
    assert len(meter.ledger.sha256) == 64
    assert meter.ledger.size == (tmp_path / "c.pcap").stat().st_size


FULL = Path("/dev/full")
OPTIONS = Options("clean", 120.0, 5.0, 120.0, "inner", True, (), 0)


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_full_disk_is_not_reported_as_a_capture_that_cannot_be_read(tmp_path: Path, suffix: str) -> None:
    capture = NamedCapture(write_pcap(tmp_path / "c.pcap", DIALOGUE * 200), "c.pcap")
    with pytest.raises(OSError, match="No space left on device"):
        meter_captures([capture], FULL, OPTIONS, suffix=suffix)


def test_capture_that_cannot_be_opened_is_noted_in_its_ledger(tmp_path: Path) -> None:
    captures = [
        NamedCapture(tmp_path / "missing.pcap", "missing.pcap"),
        NamedCapture(write_pcap(tmp_path / "c.pcap", DIALOGUE), "c.pcap"),
    ]
    missing, sound = meter_captures(captures, tmp_path / "f.parquet", OPTIONS)
    assert "cannot be read (No such file or directory)" in missing.fault
    assert (missing.complete, sound.complete, sound.flows) == (False, True, 1)


# ---------------------------------------------------------------------------------------------------------------
# the tool


def run_tool(*arguments: object, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run the command line tool."""
    return subprocess.run(
        [sys.executable, "-m", "stages.meter", *map(str, arguments)],
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        check=False,
    )


def test_tool_reads_standard_input(tmp_path: Path) -> None:
    done = run_tool("-", "-o", tmp_path / "f.parquet", stdin=gzip.compress(SOUND))
    assert done.returncode == 0, done.stderr
    row = pq.read_table(tmp_path / "f.parquet").to_pylist()[0]
    assert_dialogue(row)
    assert row["capture"] == "stdin"


def test_tool_keeps_the_flows_before_damage_marks_them_and_fails(tmp_path: Path) -> None:
    (tmp_path / "cut.pcap").write_bytes(SOUND[:-5])
    write_pcap(tmp_path / "good.pcap", DIALOGUE)
    done = run_tool(tmp_path / "cut.pcap", tmp_path / "good.pcap", "-o", tmp_path / "f.parquet")
    assert done.returncode == 1
    assert f"cut.pcap, packet 2, byte {SECOND}".encode() in done.stderr
    file = pq.ParquetFile(tmp_path / "f.parquet")
    assert file.metadata.num_rows == 1
    assert b"packet 2" in file.metadata.metadata[b"incomplete"]
    done = run_tool(
        tmp_path / "cut.pcap", tmp_path / "good.pcap", "-o", tmp_path / "f.parquet", "--keep-going"
    )
    assert done.returncode == 0
    assert pq.read_metadata(tmp_path / "f.parquet").num_rows == 2


def test_tool_names_what_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "folder.pcap").mkdir()
    for path, words in (
        (tmp_path / "missing.pcap", b"no such file"),
        (tmp_path / "folder.pcap", b"is a folder"),
    ):
        done = run_tool(path, "-o", tmp_path / "f.csv")
        assert done.returncode == 2
        assert words in done.stderr
        assert b"Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_tool_names_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = write_pcap(tmp_path / "c.pcap", DIALOGUE)
    path.chmod(0)
    assert b"Permission" in run_tool(path, "-o", tmp_path / "f.csv").stderr


def test_reading_stops_at_a_bomb_of_one_endless_record(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(packed, closefd=False) as writer:
        writer.write(SOUND)
        for _ in range(64):
            writer.write(bytes(1 << 20))
    path = tmp_path / "bomb.pcap.zst"
    path.write_bytes(packed.getvalue())
    meter = Meter(path)
    assert sum(batch.num_rows for batch in meter.batches()) == 1
    assert meter.ledger.counts["empty"] == meter.ledger.packets - 2
