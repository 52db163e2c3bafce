"""TCP options as the common stacks order them in a SYN and in later segments."""

from __future__ import annotations

import struct

NO_TIME = 0


def syn_options(layout: str, *, mss: int, shift: int, own_time: int, peer_time: int = NO_TIME) -> bytes:
    """Return the options of a SYN or SYN-ACK.

    Parameters
    ----------
    layout
        ``linux`` (20 bytes), ``windows`` (12), ``apple`` (24), ``mss`` (4) or ``none`` (0).

    Raises
    ------
    ValueError
        For any other layout.
    """
    segment_size = struct.pack("!BBH", 2, 4, mss)
    scale = struct.pack("!BBB", 3, 3, shift)
    stamp = struct.pack("!BBII", 8, 10, own_time & 0xFFFFFFFF, peer_time & 0xFFFFFFFF)
    if layout == "linux":
        return segment_size + b"\x04\x02" + stamp + b"\x01" + scale
    if layout == "windows":
        return segment_size + b"\x01" + scale + b"\x01\x01\x04\x02"
    if layout == "apple":
        return segment_size + b"\x01" + scale + b"\x01\x01" + stamp + b"\x04\x02\x00\x00"
    if layout == "mss":
        return segment_size
    if layout == "none":
        return b""
    raise ValueError(f"TCP option layout {layout!r}: known are linux, windows, apple, mss, none")


def timestamp_option(own_time: int, peer_time: int) -> bytes:
    """Return the padded timestamp option of an established connection (12 bytes)."""
    return struct.pack("!BBBBII", 1, 1, 8, 10, own_time & 0xFFFFFFFF, peer_time & 0xFFFFFFFF)
