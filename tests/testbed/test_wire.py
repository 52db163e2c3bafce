"""Bytes of packets: checksums, lengths, padding, and the capture file around them."""

from __future__ import annotations

import struct

import zstandard

from iotids.testbed.pcapfile import pcap_bytes, write_capture
from iotids.testbed.tape import BENIGN, Packet
from iotids.testbed.wire import (
    ETHERTYPE_IPV4,
    SYN,
    UDP,
    arp_message,
    checksum,
    ethernet,
    ip,
    ip_text,
    ipv4,
    mac,
    mac_text,
    tcp_segment,
    udp_datagram,
)


def folded_sum(data: bytes) -> int:
    """Add 16-bit words with end-around carry, the slow way."""
    total = 0
    for (word,) in struct.iter_unpack("!H", data + b"\0" * (len(data) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_checksum_of_the_example_in_rfc_1071():
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


def test_checksum_of_a_header_known_from_textbooks():
    assert checksum(bytes.fromhex("45000073000040004011" + "0000" + "c0a80001c0a800c7")) == 0xB861


def test_checksum_of_nothing_but_zeros_is_all_ones():
    assert checksum(b"\0" * 8) == 0xFFFF


def test_checksum_of_odd_data_counts_a_zero_byte_more():
    assert checksum(b"\x12\x34\x56") == checksum(b"\x12\x34\x56\x00")


def test_header_and_checksum_together_sum_to_all_ones():
    packet = ipv4(ip("10.1.2.3"), ip("192.0.2.1"), UDP, b"abc", ttl=64, ident=77)
    assert folded_sum(packet[:20]) == 0xFFFF
    assert int.from_bytes(packet[2:4], "big") == 23


def test_tcp_checksum_covers_addresses_options_and_payload():
    src, dst = ip("10.1.2.3"), ip("192.0.2.1")
    segment = tcp_segment(
        src, dst, 1, 2, seq=3, ack=0, flags=SYN, window=9, options=b"\x02\x04\x05\xb4", payload=b"odd"
    )
    assert folded_sum(struct.pack("!IIBBH", src, dst, 0, 6, len(segment)) + segment) == 0xFFFF
    assert segment[12] >> 4 == 6


def test_udp_checksum_zero_is_sent_as_all_ones():
    src, dst = ip("0.0.0.0"), ip("0.0.0.0")
    for word in range(0x10000):
        datagram = udp_datagram(src, dst, 0, 0, struct.pack("!H", word))
        if folded_sum(struct.pack("!BBH", 0, 17, 10) + datagram[:6] + b"\0\0" + datagram[8:]) == 0xFFFF:
            assert datagram[6:8] == b"\xff\xff"
            return
    raise AssertionError("no datagram with this checksum found")


def test_short_frames_are_padded_only_where_wanted():
    lie = arp_message(2, b"a" * 6, 1, b"b" * 6, 2)
    assert len(ethernet(b"b" * 6, b"a" * 6, 0x0806, lie, padded=True)) == 60
    assert len(ethernet(b"b" * 6, b"a" * 6, 0x0806, lie, padded=False)) == 42


def test_addresses_survive_the_way_to_numbers_and_back():
    assert ip_text(ip("203.0.113.250")) == "203.0.113.250"
    assert mac_text(mac("02:d1:00:ab:cd:ef")) == "02:d1:00:ab:cd:ef"


def test_capture_file_holds_time_and_frame_of_every_packet(tmp_path):
    frame = ethernet(b"b" * 6, b"a" * 6, ETHERTYPE_IPV4, b"x" * 50, padded=False)
    packets = [Packet(1_500_000_000_123_456, frame, BENIGN)]
    size = write_capture(packets, tmp_path / "one.pcap.zst")
    packed = (tmp_path / "one.pcap.zst").read_bytes()
    raw = zstandard.ZstdDecompressor().decompress(packed)
    assert len(packed) == size and raw == pcap_bytes(packets)
    assert struct.unpack_from("<IHHiIII", raw) == (0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    assert struct.unpack_from("<IIII", raw, 24) == (1_500_000_000, 123_456, len(frame), len(frame))
    assert raw[40:] == frame
