"""Names: of capture files, and of link types."""

from __future__ import annotations

CAPTURE_SUFFIXES = (".pcap", ".pcapng", ".cap")
COMPRESSION_SUFFIXES = ("", ".gz", ".bz2", ".xz", ".zst", ".lz4")

# those that are decoded, by tcpdump.org's numbers
LINK_NAMES = {
    0: "NULL",
    1: "Ethernet",
    6: "Token Ring",
    8: "SLIP",
    9: "PPP",
    10: "FDDI",
    12: "raw IP",
    14: "raw IP",
    50: "PPP in HDLC",
    51: "PPPoE",
    100: "ATM with LLC",
    101: "raw IP",
    104: "Cisco HDLC",
    105: "802.11",
    107: "frame relay",
    108: "LOOP",
    109: "ENC",
    113: "Linux SLL",
    117: "PFLOG",
    119: "802.11 with Prism header",
    122: "IP over Fibre Channel",
    127: "802.11 with radiotap",
    138: "IP over FireWire",
    149: "PKTAP",
    163: "802.11 with AVS header",
    166: "PPP with direction",
    192: "PPI",
    204: "PPP with direction",
    205: "Cisco HDLC with direction",
    206: "frame relay with direction",
    228: "IPv4",
    229: "IPv6",
    239: "NFLOG",
    240: "netANALYZER",
    241: "netANALYZER transparent",
    258: "PKTAP",
    276: "Linux SLL2",
}


def is_capture_name(name: str) -> bool:
    """Whether a file name ends as a capture's does."""
    lower = name.lower()
    return any(lower.endswith(kind + packed) for kind in CAPTURE_SUFFIXES for packed in COMPRESSION_SUFFIXES)
