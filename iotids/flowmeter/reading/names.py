"""Names: of capture files, and of link types."""

from __future__ import annotations

CAPTURE_SUFFIXES = (".pcap", ".pcapng", ".cap")
COMPRESSION_SUFFIXES = ("", ".gz", ".bz2", ".xz", ".zst", ".lz4")

LINK_NAMES = {
    0: "NULL",
    1: "Ethernet",
    9: "PPP",
    12: "raw IP",
    14: "raw IP",
    50: "PPP in HDLC",
    101: "raw IP",
    105: "802.11",
    108: "LOOP",
    113: "Linux SLL",
    127: "802.11 with radiotap",
    228: "IPv4",
    229: "IPv6",
    276: "Linux SLL2",
}


def is_capture_name(name: str) -> bool:
    """Whether a file name ends as a capture's does."""
    lower = name.lower()
    return any(lower.endswith(kind + packed) for kind in CAPTURE_SUFFIXES for packed in COMPRESSION_SUFFIXES)
