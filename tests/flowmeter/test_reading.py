"""Formats, clocks and packings: the same packets read the same, and what is no capture is named."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard

from iotids.flowmeter.flows import Meter
from iotids.flowmeter.reading import Capture, CaptureFault
from iotids.flowmeter.reading.decompressing import Unpacked, UnpackedLz4
from iotids.flowmeter.reading.pcapng import PcapngWalk
from tests.packets import (
    Record,
    ethernet,
    ipv4,
    ng_block,
    ng_interface,
    ng_packet,
    ng_section,
    pcap_bytes,
    udp,
)

T0 = 1_600_000_000_000_000
ASK = ethernet(ipv4("192.0.2.1", "192.0.2.2", 17, udp(5353, 53, bytes(20))))
ANSWER = ethernet(ipv4("192.0.2.2", "192.0.2.1", 17, udp(53, 5353, bytes(40))))
TALK = [Record(T0, ASK), Record(T0 + 50_000, ANSWER), Record(T0 + 100_000, ASK)]
ORDERS = pytest.mark.parametrize("big", [False, True], ids=["little", "big"])


def written(folder: Path, data: bytes, name: str = "c.pcap") -> Path:
    """A file of these bytes."""
    path = folder / name
    path.write_bytes(data)
    return path


def times_of(path: Path) -> list[int]:
    """Time stamps of a capture's packets, in microseconds since T0."""
    return [int(f["time_us"]) - T0 for block in Capture(path).blocks() for f in block.frames]


def clocks_of(path: Path) -> tuple[list[int], int, int]:
    """Time stamps, how many were carried, how many inherited."""
    capture = Capture(path)
    times = [int(f["time_us"]) - T0 for block in capture.blocks() for f in block.frames]
    return times, capture.time_carried, capture.time_inherited


def only_row(path: Path) -> dict[str, object]:
    """The only flow of a capture."""
    (row,) = [row for batch in Meter(path).batches() for row in batch.to_pylist()]
    return row


def modified_pcap(records: list[Record], *, big: bool) -> bytes:
    """A capture in the modified format: eight more bytes in each record."""
    order = ">" if big else "<"
    out = [struct.pack(order + "IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 262_144, 1)]
    for record in records:
        seconds, fraction = divmod(record.time_us, 1_000_000)
        size = len(record.data)
        out.append(struct.pack(order + "IIIIIHBB", seconds, fraction, size, size, 3, 0x0800, 0, 0))
        out.append(record.data)
    return b"".join(out)


@ORDERS
def test_modified_pcap_has_eight_more_bytes_in_each_record(tmp_path: Path, big: bool) -> None:
    row = only_row(written(tmp_path, modified_pcap(TALK, big=big)))
    assert (row["src_port"], row["fwd_packets"], row["bwd_packets"]) == (5353, 2, 1)
    assert (row["fwd_bytes"], row["bwd_bytes"], row["flow_duration_us"]) == (40.0, 40.0, 100_000)


@ORDERS
@pytest.mark.parametrize("magic", [0x1C0001AC, 0x1C0001AB])
def test_ixia_s_pcap_has_four_more_bytes_before_the_records(tmp_path: Path, magic: int, big: bool) -> None:
    order = ">" if big else "<"
    plain = pcap_bytes(TALK, big=big, nanoseconds=True)
    data = (
        struct.pack(order + "I", magic) + plain[4:24] + struct.pack(order + "I", len(plain) - 24) + plain[24:]
    )
    assert times_of(written(tmp_path, data)) == [0, 50_000, 100_000]


def with_fractions(fractions: list[int], *, big: bool, nanoseconds: bool, modified: bool = False) -> bytes:
    """A capture of ASK at T0's second with these fractions of it, in ticks."""
    order = ">" if big else "<"
    magic = 0xA1B2CD34 if modified else 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, 1)
    for fraction in fractions:
        out += struct.pack(order + "IIII", T0 // 1_000_000, fraction, len(ASK), len(ASK))
        out += bytes(8) * modified + ASK
    return out


@ORDERS
@pytest.mark.parametrize("nanoseconds", [False, True], ids=["microseconds", "nanoseconds"])
def test_a_fraction_of_a_second_or_more_is_carried_into_the_seconds(
    tmp_path: Path, nanoseconds: bool, big: bool
) -> None:
    second = 1_000_000_000 if nanoseconds else 1_000_000
    fractions = [second - 1, second, second + second // 2, 4 * second + second // 4]
    path = written(tmp_path, with_fractions(fractions, big=big, nanoseconds=nanoseconds))
    assert clocks_of(path) == ([999_999, 1_000_000, 1_500_000, 4_250_000], 3, 0)


@ORDERS
def test_fractions_are_carried_in_the_modified_format_too(tmp_path: Path, big: bool) -> None:
    data = with_fractions([999_900, 1_000_050], big=big, nanoseconds=False, modified=True)
    assert clocks_of(written(tmp_path, data)) == ([999_900, 1_000_050], 1, 0)


@ORDERS
@pytest.mark.parametrize("resolution", [*range(20), *(0x80 | power for power in (0, 1, 10, 20, 30, 33))])
def test_time_stamps_of_every_resolution_are_read_to_the_tick(
    tmp_path: Path, resolution: int, big: bool
) -> None:
    power = resolution & 0x7F
    per_second = 2**power if resolution & 0x80 else 10**power
    # as many whole seconds as the 64 bits hold, the others in the offset
    seconds = min(T0 // 1_000_000, (2**64 - 1) // per_second - 1)
    ticks = seconds * per_second + per_second * 3 // 4
    data = ng_section(big=big) + ng_interface(
        resolution=resolution, offset_s=T0 // 1_000_000 - seconds, big=big
    )
    path = written(tmp_path, data + ng_packet(ASK, ticks, big=big), "c.pcapng")
    assert times_of(path) == [per_second * 3 // 4 * 1_000_000 // per_second]


@pytest.mark.parametrize("power", [45, 50, 51, 60, 63, 64, 70, 90, 127])
def test_fine_binary_resolutions_are_rounded_towards_the_past_exactly(tmp_path: Path, power: int) -> None:
    ticks = [
        0,
        2 ** min(power, 64) - 1,
        2 ** min(power, 63) // 3,
        0x9234_5678_9ABC_DEF1 % 2 ** min(power, 64),
    ]
    data = ng_section() + ng_interface(resolution=0x80 | power, offset_s=T0 // 1_000_000)
    data += b"".join(ng_packet(ASK, tick) for tick in ticks)
    assert times_of(written(tmp_path, data, "c.pcapng")) == [tick * 1_000_000 // 2**power for tick in ticks]


def simple(data: bytes, *, big: bool = False) -> bytes:
    """A Simple Packet Block."""
    return ng_block(3, struct.pack((">" if big else "<") + "I", len(data)) + data, big=big)


@ORDERS
def test_packets_without_time_take_their_predecessors(tmp_path: Path, big: bool) -> None:
    head = ng_section(big=big) + ng_interface(big=big)
    blocks = ng_packet(ASK, T0, big=big) + simple(ANSWER, big=big) + simple(ASK, big=big)
    blocks += ng_packet(ANSWER, T0 + 500_000, big=big)
    path = written(tmp_path, head + blocks, "c.pcapng")
    assert clocks_of(path) == ([0, 0, 0, 500_000], 0, 2)
    meter = Meter(path)
    (row,) = [row for batch in meter.batches() for row in batch.to_pylist()]
    assert row["flow_duration_us"] == 500_000
    assert (meter.ledger.time_inherited, meter.ledger.time_carried, meter.ledger.out_of_order) == (2, 0, 0)
    assert "2 time inherited" in meter.ledger.in_words()


def test_packets_without_time_keep_it_across_sections_and_blocks_of_frames(tmp_path: Path) -> None:
    data = ng_section() + ng_interface() + ng_packet(ASK, T0) + ng_section(big=True) + ng_interface(big=True)
    data += simple(ANSWER, big=True) * 5
    capture = Capture(written(tmp_path, data, "c.pcapng"), frames_per_block=2)
    assert [int(f["time_us"]) - T0 for b in capture.blocks() for f in b.frames] == [0] * 6


def test_packets_without_time_at_the_beginning_take_the_first_time_there_is(tmp_path: Path) -> None:
    data = ng_section() + ng_interface() + simple(ASK) * 2 + ng_packet(ANSWER, T0)
    assert clocks_of(written(tmp_path, data, "c.pcapng")) == ([0, 0, 0], 0, 2)


def test_packets_do_not_take_an_impossible_time(tmp_path: Path) -> None:
    data = ng_section() + ng_interface() + ng_packet(ASK, T0) + ng_packet(ASK, 2**62) + simple(ANSWER)
    capture = Capture(written(tmp_path, data, "c.pcapng"), keep_going=True)
    frames = [(int(f["time_us"]) - T0, int(f["fault"])) for b in capture.blocks() for f in b.frames]
    assert frames == [(0, 0), (2**62 - T0, 1), (0, 0)]


def unaligned(block: bytes, unpadded: int, *, cut: bool = False) -> bytes:
    """A block that states its length without padding; cut: and has none."""
    size = struct.pack("<I", unpadded)
    body = block[8:-4]
    return block[:4] + size + (body[: unpadded - 12] if cut else body) + size


@pytest.mark.parametrize("cut", [False, True], ids=["padded", "not padded"])
@pytest.mark.parametrize("extra", [0, 1, 2, 3])
def test_block_lengths_need_not_be_multiples_of_four(tmp_path: Path, extra: int, cut: bool) -> None:
    frames = [ASK + bytes(extra), ANSWER + bytes(extra), ASK + bytes(extra)]
    blocks = [unaligned(ng_packet(frame, T0 + i), 32 + len(frame), cut=cut) for i, frame in enumerate(frames)]
    head = ng_section() + ng_interface()
    for read_bytes in (1 << 20, 40):  # all at once, and a little at a time
        capture = Capture(written(tmp_path, head + b"".join(blocks), "c.pcapng"), read_bytes=read_bytes)
        found = [
            (int(f["time_us"]) - T0, int(f["captured"])) for block in capture.blocks() for f in block.frames
        ]
        assert found == [(i, len(frame)) for i, frame in enumerate(frames)]


def test_interface_descriptions_cost_the_same_however_many_there_are(tmp_path: Path) -> None:
    """Counted are the bytes that the table of interfaces is moved by; one that grows by one each time moves 1e10."""
    n = 100_000
    data = ng_section() + ng_interface() * n + ng_packet(ASK, T0, interface=n - 1)
    capture = Capture(written(tmp_path, data, "c.pcapng"))
    moved, tables = 0, set()
    add = PcapngWalk.add_interface

    def watched(walk: PcapngWalk, block: bytes) -> None:
        nonlocal moved
        add(walk, block)
        if id(walk.interfaces) not in tables:
            tables.add(id(walk.interfaces))
            moved += walk.interfaces.nbytes

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PcapngWalk, "add_interface", watched)
        assert sum(len(block.frames) for block in capture.blocks()) == 1
    assert moved < 4 * 48 * n


# ------------------------------------------------------------------------------------------------------------
# packings


def zipped(data: bytes) -> bytes:
    """A zip archive with a capture."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("plain.pcap", data)
    return out.getvalue()


def tarred(data: bytes) -> bytes:
    """A tar archive with a capture."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("plain.pcap")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


SOUND = pcap_bytes(TALK)
NO_CAPTURES = {
    "zip": (zipped(SOUND), "a zip archive; unpack it"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(50), "a 7z archive; unpack it"),
    "rar": (b"Rar!\x1a\x07\x01\0" + bytes(50), "a rar archive; unpack it"),
    "tar": (tarred(SOUND), "a tar archive; unpack it"),
    "tar in gzip": (gzip.compress(tarred(SOUND)), "a tar archive; unpack it"),
    "tar in xz": (lzma.compress(tarred(SOUND)), "a tar archive; unpack it"),
    "gzip twice": (gzip.compress(gzip.compress(SOUND)), "packed twice, with gzip inside"),
    "snoop": (b"snoop\0\0\0\0\0\0\2\0\0\0\4", "a capture of Solaris' snoop; convert it"),
    "web page": (b"\n<!DOCTYPE html><html>", "a web page or XML"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
    "text": (b"Time,Source,Destination\n1,2,3\n", "text that begins with 'Time,Source,Destinat'"),
    "anything": (bytes(range(128, 200)), "begins with 80818283, which is neither pcap nor pcapng"),
}


@pytest.mark.parametrize("name", NO_CAPTURES)
def test_what_is_no_capture_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    data, words = NO_CAPTURES[name]
    with pytest.raises(CaptureFault) as caught:
        list(Capture(written(tmp_path, data)).blocks())
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.compress,
    "lz4": lambda data: pa.compress(data, codec="lz4", asbytes=True),
}


def test_damaged_lz4_leaves_no_memory_behind() -> None:
    damaged = bytearray(PACKERS["lz4"](SOUND))
    damaged[20:24] = b"\xff" * 4

    def refuse() -> None:
        unpacked = UnpackedLz4(io.BytesIO(damaged))
        assert unpacked.readinto(memoryview(bytearray(1 << 20))) == 0
        assert "damaged" in unpacked.problem

    refuse()
    tracemalloc.start()
    try:
        for _ in range(50):
            refuse()
        assert tracemalloc.get_traced_memory()[0] < 50_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("before", [b"", gzip.compress(b"x")], ids=["alone", "behind another member"])
@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, gzip.compress], ids=["bzip2", "xz", "gzip"])
def test_what_comes_out_at_once_is_small_however_much_the_input_expands(
    before: bytes, pack: Callable[[bytes], bytes]
) -> None:
    packed = before + pack(bytes(60_000_000))
    unpacked, n_bytes = Unpacked(io.BytesIO(packed[6:]), packed[:6]), 0
    target = memoryview(bytearray(1 << 16))
    tracemalloc.start()
    try:
        while got := unpacked.readinto(target):
            n_bytes += got
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert (n_bytes, unpacked.problem) == (60_000_000 + len(before) // 21, "")


@pytest.mark.parametrize("name", PACKERS)
def test_compressed_input_may_expand_to_a_limit_and_the_packets_before_it_are_kept(
    tmp_path: Path, name: str
) -> None:
    data = pcap_bytes([Record(T0 + i, ASK) for i in range(50_000)])
    path = written(tmp_path, PACKERS[name](data))
    assert sum(len(b.frames) for b in Capture(path, max_bytes=len(data)).blocks()) == 50_000
    capture = Capture(path, max_bytes=1_000_000)
    with pytest.raises(
        CaptureFault, match="expands to more than 1,000,000 bytes, the limit; raise --max-bytes"
    ):
        list(capture.blocks())
    assert capture.packets == (1_000_000 - 24) // (16 + len(ASK))


def test_plain_captures_have_no_limit(tmp_path: Path) -> None:
    data = pcap_bytes([Record(T0 + i, ASK) for i in range(1000)])
    assert sum(len(b.frames) for b in Capture(written(tmp_path, data), max_bytes=1000).blocks()) == 1000


def test_members_of_a_packed_capture_may_end_at_any_byte_of_a_read(tmp_path: Path) -> None:
    data = pcap_bytes([Record(T0 + i, ASK) for i in range(500)])
    cut = 24 + 16 + len(ASK)
    first = gzip.compress(data[:cut], mtime=0)
    room = (1 << 14) - len(first) - 20  # the second member begins around the end of a first read
    for extra in range(-8, 8):
        empty = gzip.compress(b"", mtime=0)
        padded = first + empty * ((room + extra) // len(empty))
        packed = padded + gzip.compress(data[cut:], mtime=0)
        assert sum(len(b.frames) for b in Capture(written(tmp_path, packed)).blocks()) == 500


@pytest.mark.parametrize("name", ["a[1].pcap", "ünï ⌘.pcap", "a'b\"c.pcap", "line\nbreak.pcap", "=cmd|.pcap"])
def test_captures_may_have_any_name(tmp_path: Path, name: str) -> None:
    assert only_row(written(tmp_path, SOUND, name))["fwd_packets"] == 2


@pytest.mark.parametrize(
    ("name", "shown"), [("caf\udce9.pcap", r"caf\udce9.pcap"), ("line\nbreak.pcap", r"line\nbreak.pcap")]
)
def test_names_that_cannot_be_printed_are_escaped_in_messages(tmp_path: Path, name: str, shown: str) -> None:
    capture = Capture(written(tmp_path, SOUND[:-3], name))
    with pytest.raises(CaptureFault, match="cut off") as caught:
        list(capture.blocks())
    assert capture.packets == 2
    assert f"/{shown}, packet 3" in str(caught.value)
    str(caught.value).encode()
