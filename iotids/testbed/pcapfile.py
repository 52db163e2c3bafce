"""Write packets as a pcap file compressed with zstd; the same packets give the same bytes everywhere."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import zstandard

from iotids.testbed.tape import Packet

MAGIC_MICROSECONDS = 0xA1B2C3D4
SNAPLEN = 65535
LINKTYPE_ETHERNET = 1
ZSTD_LEVEL = 17


def pcap_bytes(packets: Sequence[Packet]) -> bytes:
    """Return a classic little-endian pcap file of these packets, which must be in time order."""
    parts = [struct.pack("<IHHiIII", MAGIC_MICROSECONDS, 2, 4, 0, 0, SNAPLEN, LINKTYPE_ETHERNET)]
    for time_us, frame, _ in packets:
        seconds, microseconds = divmod(time_us, 1_000_000)
        parts.append(struct.pack("<IIII", seconds, microseconds, len(frame), len(frame)))
        parts.append(frame)
    return b"".join(parts)


def write_capture(packets: Sequence[Packet], path: Path) -> int:
    """Write `path` (ending in .pcap.zst) and return its size in bytes.

    zstd and not gzip: the deflate of different zlib builds differs, while the `zstandard` package carries its
    own code. One thread and a fixed level, because both change the bytes.
    """
    packer = zstandard.ZstdCompressor(
        level=ZSTD_LEVEL, threads=0, write_checksum=True, write_content_size=True
    )
    packed = packer.compress(pcap_bytes(packets))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed)
    return len(packed)
