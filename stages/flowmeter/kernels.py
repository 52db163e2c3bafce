"""The compiled part of the flow meter: captures' records to packets, packets to flows, flows to rows.

One file, because numba's cache does not see edits in imported files. Kernels never raise: they return a status, and the
callers (capture.py, flows.py) turn it into a message. Every switch of a profile is an argument (`rules`, see profiles.py).
All integers are int64 (addresses are bit patterns): mixing int64 and uint64 would silently give float64.
The slow twin is tests/naive.py; the behaviour of the CICFlowMeter profiles is described in docs/flow-meter.md.
"""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import ctypes
import os
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

# nogil: reading, decoding, metering and writing run in threads; numpy errors: x/0 is inf or nan, as in Java; no fastmath, sums must match bit for bit
kernel = njit(cache=True, nogil=True, error_model="numpy")


def _prefetch(array, index, offset):
    """Ask for a cache line of array[index] ahead of its use; does nothing outside compiled code."""


def _pread(file, address, size, offset):
    """Read from a file to a place in memory; stands in for the system's function outside compiled code."""
    return os.preadv(file, [(ctypes.c_char * size).from_address(address)], offset)


if not config.DISABLE_JIT:

    @intrinsic
    def _prefetch(typing_context, array, index, offset):  # type: ignore[no-redef]
        """Ask for the cache line `offset` bytes into array[index] ahead of its use."""

        def codegen(context, builder, signature, args):
            view = context.make_array(signature.args[0])(context, builder, args[0])
            pointer = cgutils.get_item_pointer(context, builder, signature.args[0], view, [args[1]], wraparound=False)
            byte = builder.gep(builder.bitcast(pointer, cgutils.voidptr_t), [args[2]])
            word = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, word, word, word])
            function = builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], kind)
            builder.call(function, [byte, word(1), word(3), word(1)])
            return context.get_dummy_value()

        return types.void(array, types.int64, types.int64), codegen


    _pread = types.ExternalFunction("pread", types.int64(types.int32, types.uintp, types.uintp, types.int64))


# ---------------------------------------------------------------------------------------------------------------- layouts

FRAME = np.dtype([("time_us", "i8"), ("offset", "i8"), ("captured", "i4"), ("wire", "i4"), ("link", "i4"), ("fault", "i4")])

PACKET = np.dtype(
    [
        ("time_us", "i8"),
        ("src_hi", "i8"),
        ("src_lo", "i8"),
        ("dst_hi", "i8"),
        ("dst_lo", "i8"),
        ("hash", "i8"),
        ("src_mac", "i8"),  # -1 without one
        ("dst_mac", "i8"),
        ("seq", "i8"),
        ("ack", "i8"),
        ("payload", "i4"),
        ("header", "i4"),
        ("src_port", "i4"),
        ("dst_port", "i4"),
        ("window", "i4"),
        ("protocol", "i2"),
        ("version", "i2"),
        ("icmp_type", "i2"),
        ("icmp_code", "i2"),
        ("flags", "i2"),
        ("status", "i2"),
    ]
)

# what a flow is found by; 64 bytes, one cache line
KEY = np.dtype(
    [
        ("a_hi", "i8"),
        ("a_lo", "i8"),
        ("b_hi", "i8"),
        ("b_lo", "i8"),
        ("a_port", "i4"),
        ("b_port", "i4"),
        ("protocol", "i2"),
        ("version", "i2"),
        ("body", "i4"),  # index of the flow's body; below 0: set down on disk, at -body - 1
        ("order", "i8"),  # counts insertions into the table
        ("tag", "i4"),  # the hash's bits that the table works with
        ("state", "i2"),  # OPEN, FIN_ONE, FIN_BOTH, READY
        ("reversed", "i2"),  # 1: the initiator is endpoint b
    ]
)


def _direction(name: str) -> list[tuple[Any, ...]]:
    """Fields of one direction: three cache lines, the third only for packets with payload."""
    fields = (
        ("last", "i8"), ("sum", "f8"), ("mean", "f8"), ("m2", "f8"), ("min", "i4"), ("max", "i4"), ("header", "i8"), ("header_min", "i4"),
        ("data", "i4"), ("next_seq", "i8"), ("iat_sum", "f8"), ("iat_mean", "f8"), ("iat_m2", "f8"), ("iat_min", "i8"), ("iat_max", "i8"),
        ("psh", "i4"), ("urg", "i4"), ("rst", "i4"), ("fin", "i4"), ("again", "i4"), ("window", "i4"),
        ("bulk_size", "i8"), ("bulk_count", "i8"), ("bulks", "i8"), ("bulk_packets", "i8"), ("bulk_bytes", "i8"), ("bulk_us", "i8"),
    )  # fmt: skip
    return [*((f"{name}_{field}", kind) for field, kind in fields), (f"{name}_unused", "i8", (2,))]


# a flow's accumulators: eleven cache lines, in the order in which packets touch them; three common ones first
FLOW = np.dtype(
    [
        ("start", "i8"),
        ("last", "i8"),
        ("end_active", "i8"),
        ("start_active", "i8"),
        ("all_mean", "f8"),
        ("all_m2", "f8"),
        ("fwd_packets", "i4"),
        ("bwd_packets", "i4"),
        ("owner", "i4"),  # index of the flow's key, plus one; 0 when the place is free
        ("segments", "i4"),  # head of the list of TCP segments seen by the connection, -1 without
        ("iat_mean", "f8"),
        ("iat_m2", "f8"),
        ("iat_min", "i8"),
        ("iat_max", "i8"),
        ("fwd_bulk_start", "i8"),
        ("fwd_bulk_last", "i8"),
        ("bwd_bulk_start", "i8"),
        ("bwd_bulk_last", "i8"),
        ("fin", "i4"),
        ("syn", "i4"),
        ("rst", "i4"),
        ("psh", "i4"),
        ("ack", "i4"),
        ("urg", "i4"),
        ("cwr", "i4"),
        ("ece", "i4"),
        ("number", "i8"),
        ("last_packet", "i8"),
        ("subflows", "i8"),
        ("first_payload", "i4"),
        ("icmp_type", "i2"),
        ("icmp_code", "i2"),
        *_direction("fwd"),
        *_direction("bwd"),
        ("active_n", "i8"),
        ("active_mean", "f8"),
        ("active_m2", "f8"),
        ("active_min", "i8"),
        ("active_max", "i8"),
        ("idle_n", "i8"),
        ("idle_mean", "f8"),
        ("idle_m2", "f8"),
        ("idle_min", "i8"),
        ("idle_max", "i8"),
        ("connection_us", "i8"),  # of the earlier parts of the connection and the gaps between
        ("first_packet", "i8"),
        ("src_mac", "i8"),
        ("dst_mac", "i8"),
        ("segments_at", "i8"),  # where the segments of a flow on disk stand
        ("segments_n", "i8"),
    ]
)

FLOW_BYTES = FLOW.itemsize
SEGMENT = np.dtype([("connection", "i4"), ("chain", "i4"), ("sibling", "i4"), ("rest", "i4"), ("seq_ack", "i8"), ("size_side", "i8")])
FRAGMENT = np.dtype(
    [
        ("src_hi", "i8"),
        ("src_lo", "i8"),
        ("dst_hi", "i8"),
        ("dst_lo", "i8"),
        ("ident", "i8"),
        ("protocol", "i4"),
        ("src_port", "i4"),
        ("dst_port", "i4"),
        ("version", "i4"),
    ]
)

# ------------------------------------------------------------------------------------------------------------------ codes

# where a packet went; the names and meanings for people are in ledger.py
METERED = 0
NOT_IP = 1
ARP = 2
UNSUPPORTED_LINK = 3
TRUNCATED = 4
MALFORMED = 5
LATER_FRAGMENT = 6
ENCRYPTED = 7
NOT_DATA = 8
EMPTY = 9
NO_IPV4 = 10
REPEATED_FIN = 11
ABSURD_TIME = 12
N_STATUS = 13

# how a walk over a block of capture bytes ended
WALK_MORE = 0  # all complete records are walked
WALK_FULL = 1  # no room for further frames
WALK_SECTION = 2  # pcapng: a section header or an interface description, the caller reads it
WALK_BAD_LENGTH = 3
WALK_BAD_BLOCK = 4
WALK_BAD_INTERFACE = 5

# why meter_packets came back
METER_DONE = 0
METER_KEYS_FULL = 1
METER_OUTPUT_FULL = 2
METER_SEGMENTS_FULL = 3
METER_ON_DISK = 4
METER_BODIES_FULL = 5

# counters of a flow table
LIVE = 0
PEAK = 1
CREATED = 2
ORDER = 3
FREE_KEYS = 4
FREE_BODIES = 5
FINISHED = 6
FREE_SEGMENTS = 7
UNWRITTEN = 8
WANTED_KEY = 9
REASON = 10
N_COUNTERS = 11

# flow logic (rules.logic)
ORIGINAL = 0
PAPER = 1
CORRECTED = 2
CLEAN = 3

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
OPEN, FIN_ONE, FIN_BOTH, READY = 0, 1, 2, 3
TCP, UDP, ICMP, ICMPV6, SCTP = 6, 17, 1, 58, 132

SECOND_US = 1_000_000
MAX_RECORD = 262_144  # libpcap's largest snapshot length
MAX_BLOCK = 16 * 1024 * 1024  # libpcap's largest pcapng block


# ------------------------------------------------------------------------------------------------------- reading of bytes


@kernel
def be16(data, at):
    """Big-endian 16 bits."""
    return (np.int64(data[at]) << 8) | np.int64(data[at + 1])


@kernel
def be32(data, at):
    """Big-endian 32 bits."""
    return (np.int64(data[at]) << 24) | (np.int64(data[at + 1]) << 16) | (np.int64(data[at + 2]) << 8) | np.int64(data[at + 3])


@kernel
def be48(data, at):
    """Big-endian 48 bits, a MAC address."""
    return (be16(data, at) << 32) | be32(data, at + 2)


@kernel
def be64(data, at):
    """Big-endian 64 bits, as a bit pattern."""
    return (be32(data, at) << 32) | be32(data, at + 4)


@kernel
def le32(data, at):
    """Little-endian 32 bits."""
    return (np.int64(data[at + 3]) << 24) | (np.int64(data[at + 2]) << 16) | (np.int64(data[at + 1]) << 8) | np.int64(data[at])


@kernel
def word(data, at, big):
    """32 bits in the byte order of the capture."""
    if big:
        return be32(data, at)
    return le32(data, at)


# ------------------------------------------------------------------------------------------------------ capture to frames


@kernel
def walk_pcap(data, start, end, big, ticks_per_us, link, max_record, frames, n_frames):
    """Cut a block of a classic pcap file into frames; (frames, position behind the last one, WALK_*)."""
    at = start
    n = n_frames
    while at + 16 <= end:
        if n == len(frames):
            return n, at, WALK_FULL
        captured = word(data, at + 8, big)
        if captured > max_record:
            return n, at, WALK_BAD_LENGTH
        if at + 16 + captured > end:
            break
        fraction = word(data, at + 4, big)
        frame = frames[n]
        frame["time_us"] = word(data, at, big) * 1_000_000 + fraction // ticks_per_us
        frame["offset"] = at + 16
        frame["captured"] = captured
        frame["wire"] = min(word(data, at + 12, big), 0x7FFFFFFF)
        frame["link"] = link
        frame["fault"] = 1 if fraction >= 1_000_000 * ticks_per_us else 0
        n += 1
        at += 16 + captured
    return n, at, WALK_MORE


@kernel
def ticks_to_us(ticks, ticks_per_s):
    """Time stamp of a pcapng packet in microseconds, rounded towards the past."""
    seconds = ticks // ticks_per_s
    rest = ticks - seconds * ticks_per_s
    if ticks_per_s > 1_000_000_000_000:  # rest * 10^6 would not fit
        rest //= ticks_per_s // 1_000_000
        return seconds * 1_000_000 + min(rest, 999_999)
    return seconds * 1_000_000 + rest * 1_000_000 // ticks_per_s


@kernel
def walk_pcapng(data, start, end, big, interfaces, n_interfaces, frames, n_frames):
    """Cut a block of a pcapng file into frames; (frames, position behind the last one, WALK_*).

    interfaces : (n, 4) int64 — link type, ticks per second, time offset in s, snapshot length of each interface of the section.
    """
    at = start
    n = n_frames
    while at + 12 <= end:
        if n == len(frames):
            return n, at, WALK_FULL
        kind = word(data, at, big)
        if kind == 0x0A0D0D0A or kind == 1:
            return n, at, WALK_SECTION
        size = word(data, at + 4, big)
        if size < 12 or size % 4 != 0 or size > MAX_BLOCK:
            return n, at, WALK_BAD_BLOCK
        if at + size > end:
            break
        if word(data, at + size - 4, big) != size:
            return n, at, WALK_BAD_BLOCK
        if kind == 6 or kind == 2 or kind == 3:
            interface = 0
            ticks = 0
            room = size - 32
            body = at + 28
            if kind == 3:
                if size < 16:
                    return n, at, WALK_BAD_BLOCK
                room = size - 16
                body = at + 12
                wire = word(data, at + 8, big)
            else:
                if size < 32:
                    return n, at, WALK_BAD_BLOCK
                interface = word(data, at + 8, big)
                if kind == 2:  # the obsolete packet block has 16 bits of interface and 16 of drops
                    interface = be16(data, at + 8) if big else (np.int64(data[at + 9]) << 8) | np.int64(data[at + 8])
                ticks = (word(data, at + 12, big) << 32) | word(data, at + 16, big)
                wire = word(data, at + 24, big)
            if interface >= n_interfaces:
                return n, at, WALK_BAD_INTERFACE
            captured = word(data, at + 20, big)
            if kind == 3:
                captured = wire
                if interfaces[interface, 3] > 0:
                    captured = min(captured, interfaces[interface, 3])
                captured = min(captured, room)
            if captured > room:
                return n, at, WALK_BAD_LENGTH
            frame = frames[n]
            frame["time_us"] = ticks_to_us(ticks, interfaces[interface, 1]) + interfaces[interface, 2] * 1_000_000
            frame["offset"] = body
            frame["captured"] = captured
            frame["wire"] = min(wire, 0x7FFFFFFF)
            frame["link"] = interfaces[interface, 0]
            frame["fault"] = 1 if ticks < 0 else 0
            n += 1
        at += size
    return n, at, WALK_MORE


# -------------------------------------------------------------------------------------- frames to packets: as CICFlowMeter


@kernel
def known_to_jnetpcap(protocol):
    """Whether jnetpcap has a name for an IP protocol; without one the corrected tool drops the packet."""
    return protocol <= 61 or protocol in (94, 103, 111, 118, 132, 133, 137)


@kernel
def l2tp_ipv4(data, frame, at, end):
    """Position of the IPv4 header inside an L2TP data message, -1 without one."""
    if at + 6 > end:
        return -1
    bits = be16(data, frame + at)
    if bits & 0x8000:
        return -1
    at += 6
    if bits & 0x4000:
        at += 2
    if bits & 0x0800:
        at += 4
    if bits & 0x0200:
        at += 4
    if at + 4 > end or be16(data, frame + at + 2) != 0x0021:
        return -1
    return at + 4


@kernel
def accepted_header_length(header, total, available, fragment):
    """Length of an IPv4 header as jnetpcap takes it, 0 when it refuses the header."""
    payload = available - header if fragment else total - header
    if payload == 0:
        payload = max(0, available - header)
    if header + payload > available and header > available:
        header = available
    if header < 20 or header > available:
        return 0
    return header


@kernel
def decode_jnetpcap_ipv4(data, frame, at, end, plain, corrected, packet):
    """Decode from an IPv4 header on as jnetpcap and CICFlowMeter do; positions relative to `frame`.

    plain: the header follows an untagged Ethernet header, the only case in which padding is cut off.
    """
    outer_protocol = -1
    tcp = -1
    udp = -1
    sctp = -1
    icmp = -1
    while at + 20 <= end:
        start = frame + at
        total = be16(data, start + 2)
        fragment = be16(data, start + 6)
        is_fragment = (fragment & 0x2000) != 0 or (corrected and (fragment & 0x1FFF) != 0)
        header = accepted_header_length((np.int64(data[start]) & 15) * 4, total, end - at, is_fragment)
        if header == 0:
            break
        protocol = np.int64(data[start + 9])
        if outer_protocol < 0:
            outer_protocol = protocol
            packet["src_lo"] = be32(data, start + 12)
            packet["dst_lo"] = be32(data, start + 16)
            if plain and total <= end and not (corrected and total == 0):
                end = min(end, at + total)
        at += header
        left = end - at
        if (fragment & 0x1FFF) != 0 or left <= 0:
            break
        if protocol == 4:
            continue
        if protocol == ICMP:
            if left < 4:
                break
            kind = np.int64(data[frame + at])
            if icmp < 0:
                icmp = at
            if kind == 3 or kind == 12:
                at += 8
                continue
        elif protocol == TCP:
            if left >= 20 and data[frame + at + 12] >> 4 != 0:
                tcp = at
        elif protocol == UDP:
            if left >= 8:
                if udp < 0:
                    udp = at
                if be16(data, frame + at) == 1701 or be16(data, frame + at + 2) == 1701:
                    inner = l2tp_ipv4(data, frame, at + 8, end)
                    if inner > 0:
                        at = inner
                        continue
        elif protocol == SCTP and left >= 12:
            sctp = at
        break
    if outer_protocol < 0:
        return NO_IPV4
    if corrected and icmp >= 0:
        packet["protocol"] = ICMP
        packet["icmp_type"] = data[frame + icmp]
        packet["icmp_code"] = data[frame + icmp + 1]
    elif tcp >= 0:
        header = (np.int64(data[frame + tcp + 12]) >> 4) * 4
        if header < 16:
            return NO_IPV4
        read_tcp(data, frame + tcp, packet)
        packet["header"] = min(header, end - tcp)
        packet["payload"] = end - tcp - packet["header"]
    elif udp >= 0:
        read_ports(data, frame + udp, packet)
        packet["protocol"] = UDP
        packet["header"] = 8
        packet["payload"] = end - udp - 8
    elif corrected and sctp >= 0:
        read_ports(data, frame + sctp, packet)
        packet["protocol"] = SCTP
        packet["header"] = 12
        packet["payload"] = end - sctp - 12
    elif corrected and outer_protocol == 2:
        packet["protocol"] = 2
    elif corrected and not known_to_jnetpcap(outer_protocol):
        return NO_IPV4
    return METERED


@kernel
def read_ports(data, at, packet):
    """Source and destination port."""
    packet["src_port"] = be16(data, at)
    packet["dst_port"] = be16(data, at + 2)


@kernel
def read_tcp(data, at, packet):
    """Ports, numbers, flags and window of a TCP header of at least 20 bytes."""
    read_ports(data, at, packet)
    packet["protocol"] = TCP
    packet["seq"] = be32(data, at + 4)
    packet["ack"] = be32(data, at + 8)
    packet["flags"] = data[at + 13]
    packet["window"] = be16(data, at + 14)


@kernel
def carries_snap_ipv4(data, frame, size):
    """Whether LLC and SNAP headers behind an 802.3 length announce IPv4."""
    return size >= 22 and be16(data, frame + 14) == 0xAAAA and data[frame + 16] == 3 and be16(data, frame + 20) == 0x0800


@kernel
def decode_as_cicflowmeter(data, frame, size, corrected, packet):
    """Decode a frame as CICFlowMeter does, whatever its link type; METERED or NO_IPV4."""
    status = NO_IPV4
    if size >= 14:
        at = 14
        end = size
        plain = True
        kind = be16(data, frame + 12)
        while kind in (0x8100, 0x88A8, 0x9100) and at + 4 <= size:
            kind = be16(data, frame + at + 2)
            at += 4
            plain = False
        if kind == 0x86DD and at + 40 <= size and data[frame + at + 6] == 4:
            kind = 0x0800
            at += 40
            plain = False
        elif kind < 0x600 and plain and carries_snap_ipv4(data, frame, size):
            end = min(kind, size)
            kind = 0x0800
            at = 22
            plain = False
        if kind == 0x0800:
            status = decode_jnetpcap_ipv4(data, frame, at, end, plain, corrected, packet)
    if status != METERED:
        # without IPv4 the tool reads the frame from its first byte as if it were an IPv4 header
        clear_packet(packet)
        status = decode_jnetpcap_ipv4(data, frame, 0, size, False, corrected, packet)
    return status


# ---------------------------------------------------------------------------------------- frames to packets: true decoding


@kernel
def clear_packet(packet):
    """Fields of a packet that not every protocol sets."""
    packet["src_hi"] = 0
    packet["src_lo"] = 0
    packet["dst_hi"] = 0
    packet["dst_lo"] = 0
    packet["hash"] = 0
    packet["seq"] = 0
    packet["ack"] = 0
    packet["payload"] = 0
    packet["header"] = 0
    packet["src_port"] = 0
    packet["dst_port"] = 0
    packet["window"] = 0
    packet["protocol"] = 0
    packet["version"] = 4
    packet["icmp_type"] = -1
    packet["icmp_code"] = -1
    packet["flags"] = 0


@kernel
def radio_payload(data, at, end, packet):
    """Position of the LLC header of an 802.11 frame; below 0: minus the reason why there is none."""
    if at + 24 > end:
        return -TRUNCATED
    control = np.int64(data[at])
    bits = np.int64(data[at + 1])
    if (control >> 2) & 3 != 2 or control & 0x40:
        return -NOT_DATA
    if bits & 0x40:
        return -ENCRYPTED
    to_ds = bits & 1
    from_ds = (bits >> 1) & 1
    packet["dst_mac"] = be48(data, at + 16) if to_ds else be48(data, at + 4)
    packet["src_mac"] = be48(data, at + 16) if from_ds else be48(data, at + 10)
    body = at + 24
    if to_ds and from_ds:
        if at + 30 > end:
            return -TRUNCATED
        packet["src_mac"] = be48(data, at + 24)
        body += 6
    if control & 0x80:
        if body + 2 > end:
            return -TRUNCATED
        if data[body] & 0x80:  # several frames in one
            return -UNSUPPORTED_LINK
        body += 2
        if bits & 0x80:
            body += 4
    return body


@kernel
def llc_type(data, at, end):
    """Ethertype behind an LLC header, (0, at) when it is not SNAP."""
    if at + 8 <= end and be16(data, at) == 0xAAAA and data[at + 2] == 3:
        return be16(data, at + 6), at + 8
    if at + 3 <= end and data[at] == 0x06 and data[at + 2] == 3:
        return 0x0800, at + 3
    return 0, at


@kernel
def ppp_type(data, at, end):
    """Ethertype that a PPP frame carries, (0, at) for none of ours."""
    if at + 2 <= end and data[at] == 0xFF and data[at + 1] == 0x03:
        at += 2
    if at + 1 <= end and data[at] & 1:  # compressed protocol field
        protocol = np.int64(data[at])
        at += 1
    elif at + 2 <= end:
        protocol = be16(data, at)
        at += 2
    else:
        return 0, at
    if protocol == 0x0021:
        return 0x0800, at
    if protocol == 0x0057:
        return 0x86DD, at
    if protocol == 0x0281:
        return 0x8847, at
    return 0, at


@kernel
def ip_type(data, at, end):
    """Ethertype of bytes that begin with an IP header, 0 for neither version."""
    if at >= end:
        return 0
    version = data[at] >> 4
    if version == 4:
        return 0x0800
    if version == 6:
        return 0x86DD
    return 0


@kernel
def link_payload(data, at, end, link, packet):
    """Ethertype and position of what the link layer carries; a negative type is minus the reason why there is none."""
    if at >= end:
        return -EMPTY, at
    if link == 1:
        if at + 14 > end:
            return -TRUNCATED, at
        packet["dst_mac"] = be48(data, at)
        packet["src_mac"] = be48(data, at + 6)
        return be16(data, at + 12), at + 14
    if link == 113:
        if at + 16 > end:
            return -TRUNCATED, at
        if be16(data, at + 4) == 6:
            packet["src_mac"] = be48(data, at + 6)
        return be16(data, at + 14), at + 16
    if link == 276:
        if at + 20 > end:
            return -TRUNCATED, at
        if data[at + 11] == 6:
            packet["src_mac"] = be48(data, at + 12)
        return be16(data, at), at + 20
    if link in (12, 14, 101, 228, 229):
        kind = ip_type(data, at, end)
        return (kind, at) if kind > 0 else (-NOT_IP, at)
    if link in (0, 108):
        if at + 4 > end:
            return -TRUNCATED, at
        kind = ip_type(data, at + 4, end)  # the family's number differs between systems, the header's version does not
        family = be32(data, at)
        if family > 0xFFFF:
            family = le32(data, at)
        return (kind, at + 4) if kind > 0 and family in (2, 10, 23, 24, 28, 30) else (-NOT_IP, at)
    if link in (9, 50):
        kind, at = ppp_type(data, at, end)
        return (kind, at) if kind > 0 else (-NOT_IP, at)
    if link == 127:
        if at + 4 > end:
            return -TRUNCATED, at
        size = np.int64(data[at + 2]) | (np.int64(data[at + 3]) << 8)
        if size < 8:
            return -MALFORMED, at
        at += size
    if link in (105, 127):
        at = radio_payload(data, at, end, packet)
        if at < 0:
            return at, np.int64(0)
        kind, at = llc_type(data, at, end)
        return (kind, at) if kind > 0 else (-NOT_IP, at)
    return -UNSUPPORTED_LINK, at


@kernel
def to_ip(data, at, end, kind):
    """Step over VLAN, MPLS, PPPoE and LLC headers; (0x0800, 0x86DD or minus a reason, position)."""
    for _ in range(32):
        if kind == 0x0800 or kind == 0x86DD:
            return kind, at
        if kind in (0x8100, 0x88A8, 0x9100, 0x9200):
            if at + 4 > end:
                return -TRUNCATED, at
            kind = be16(data, at + 2)
            at += 4
        elif kind == 0x8864:
            if at + 8 > end:
                return -TRUNCATED, at
            kind, at = ppp_type(data, at + 6, end)
            if kind == 0:
                return -NOT_IP, at
        elif kind in (0x8847, 0x8848):
            bottom = False
            while not bottom:
                if at + 4 > end:
                    return -TRUNCATED, at
                bottom = data[at + 2] & 1 != 0
                at += 4
            kind = ip_type(data, at, end)
            if kind == 0:  # a pseudo-wire: control word, then an Ethernet frame
                at += 4
                kind = 0x6558
        elif kind == 0x6558:
            if at + 14 > end:
                return -TRUNCATED, at
            kind = be16(data, at + 12)
            at += 14
        elif kind < 0x600:
            kind, at = llc_type(data, at, end)
            if kind == 0:
                return -NOT_IP, at
        elif kind == 0x0806:
            return -ARP, at
        else:
            return -NOT_IP, at
    return -MALFORMED, at


@kernel
def gre_payload(data, at, end):
    """Ethertype and position of what a GRE header carries, (0, at) for what we do not follow."""
    if at + 4 > end:
        return 0, at
    bits = be16(data, at)
    kind = be16(data, at + 2)
    version = bits & 7
    if bits & 0x4000 or version > 1:
        return 0, at
    at += 4
    if bits & 0x8000:
        at += 4
    if bits & 0x2000:
        at += 4
    if bits & 0x1000:
        at += 4
    if version == 1:
        if bits & 0x0080:
            at += 4
        if kind != 0x880B:
            return 0, at
        return ppp_type(data, at, end)
    if kind == 0x88BE:  # ERSPAN; type II has 8 bytes and a sequence number, type I nothing
        return 0x6558, at + (8 if bits & 0x1000 else 0)
    return kind, at


@kernel
def read_ipv4(data, at, end, wire_end, packet):
    """Read an IPv4 header; (status, position behind it, its payload's length, protocol, fragment offset, more fragments, identification)."""
    if at + 20 > end:
        return TRUNCATED, at, 0, 0, 0, False, 0
    header = (np.int64(data[at]) & 15) * 4
    total = be16(data, at + 2)
    if data[at] >> 4 != 4 or header < 20:
        return MALFORMED, at, 0, 0, 0, False, 0
    if total == 0:  # left to the network card
        total = wire_end - at
    total = min(total, wire_end - at)
    if total < header:
        return MALFORMED, at, 0, 0, 0, False, 0
    bits = be16(data, at + 6)
    packet["version"] = 4
    packet["src_hi"] = 0
    packet["dst_hi"] = 0
    packet["src_lo"] = be32(data, at + 12)
    packet["dst_lo"] = be32(data, at + 16)
    return METERED, at + header, total - header, np.int64(data[at + 9]), bits & 0x1FFF, bits & 0x2000 != 0, be16(data, at + 4)


@kernel
def read_ipv6(data, at, end, wire_end, packet):
    """Read an IPv6 header and its extension headers; returns as read_ipv4."""
    if at + 40 > end:
        return TRUNCATED, at, 0, 0, 0, False, 0
    if data[at] >> 4 != 6:
        return MALFORMED, at, 0, 0, 0, False, 0
    size = be16(data, at + 4)
    if size == 0:
        size = wire_end - at - 40
    size = min(size, wire_end - at - 40)
    protocol = np.int64(data[at + 6])
    packet["version"] = 6
    packet["src_hi"] = be64(data, at + 8)
    packet["src_lo"] = be64(data, at + 16)
    packet["dst_hi"] = be64(data, at + 24)
    packet["dst_lo"] = be64(data, at + 32)
    at += 40
    offset = np.int64(0)
    more = False
    ident = np.int64(0)
    while protocol in (0, 43, 44, 51, 60, 135, 139, 140):
        if at + 8 > end:
            return TRUNCATED, at, 0, 0, 0, False, 0
        length = (np.int64(data[at + 1]) + 1) * 8
        if protocol == 44:
            length = 8
            offset = be16(data, at + 2) >> 3
            more = data[at + 3] & 1 != 0
            ident = be32(data, at + 4)
        elif protocol == 51:
            length = (np.int64(data[at + 1]) + 2) * 4
        protocol = np.int64(data[at])
        at += length
        size -= length
        if size < 0:
            return MALFORMED, at, 0, 0, 0, False, 0
        if offset != 0:
            break
    return METERED, at, size, protocol, offset, more, ident


@kernel
def read_transport(data, at, end, size, packet):
    """Read what stands above IP; `size` is its length by the IP header, `end` where the captured bytes end."""
    protocol = packet["protocol"]
    if protocol == TCP:
        if at + 20 > end:
            return TRUNCATED
        header = (np.int64(data[at + 12]) >> 4) * 4
        if header < 20 or header > size:
            return MALFORMED
        read_tcp(data, at, packet)
        packet["header"] = header
        packet["payload"] = size - header
    elif protocol in (UDP, SCTP):
        header = 8 if protocol == UDP else 12
        if at + header > end:
            return TRUNCATED
        if header > size:
            return MALFORMED
        read_ports(data, at, packet)
        packet["header"] = header
        packet["payload"] = size - header
    elif protocol in (ICMP, ICMPV6):
        if at + 4 > end:
            return TRUNCATED
        if size < 4:
            return MALFORMED
        packet["icmp_type"] = data[at]
        packet["icmp_code"] = data[at + 1]
    return METERED


@kernel
def remember_fragment(packet, ident, fragments, n_fragments):
    """Keep the ports of a first fragment for those that follow; a ring of the latest ones."""
    entry = fragments[n_fragments[0] % len(fragments)]
    entry["src_hi"] = packet["src_hi"]
    entry["src_lo"] = packet["src_lo"]
    entry["dst_hi"] = packet["dst_hi"]
    entry["dst_lo"] = packet["dst_lo"]
    entry["ident"] = ident
    entry["protocol"] = packet["protocol"]
    entry["src_port"] = packet["src_port"]
    entry["dst_port"] = packet["dst_port"]
    entry["version"] = packet["version"]
    n_fragments[0] += 1


@kernel
def recall_fragment(packet, ident, size, fragments, n_fragments):
    """Give a later fragment the ports of its first one; LATER_FRAGMENT when that one is unknown."""
    known = min(n_fragments[0], len(fragments))
    for back in range(known):
        entry = fragments[(n_fragments[0] - 1 - back) % len(fragments)]
        if (
            entry["ident"] == ident
            and entry["src_lo"] == packet["src_lo"]
            and entry["dst_lo"] == packet["dst_lo"]
            and entry["src_hi"] == packet["src_hi"]
            and entry["dst_hi"] == packet["dst_hi"]
            and entry["protocol"] == packet["protocol"]
            and entry["version"] == packet["version"]
        ):
            packet["src_port"] = entry["src_port"]
            packet["dst_port"] = entry["dst_port"]
            if packet["protocol"] in (TCP, UDP, SCTP):
                packet["payload"] = size
            return METERED
    return LATER_FRAGMENT


@kernel
def decode_truly(data, frame, size, wire_size, link, inner, packet, fragments, n_fragments):
    """Decode a frame by its link type, lengths by the headers; METERED or the reason to set it aside."""
    end = frame + size
    wire_end = frame + max(size, wire_size)
    kind, at = link_payload(data, frame, end, link, packet)
    if kind >= 0:
        kind, at = to_ip(data, at, end, kind)
    if kind < 0:
        return -kind
    for depth in range(9):
        if kind == 0x0800:
            status, at, length, protocol, offset, more, ident = read_ipv4(data, at, end, wire_end, packet)
        else:
            status, at, length, protocol, offset, more, ident = read_ipv6(data, at, end, wire_end, packet)
        if status != METERED:
            return status
        packet["protocol"] = protocol
        if offset != 0:
            return recall_fragment(packet, ident, length, fragments, n_fragments)
        kind = np.int64(0)
        next_at = at
        if inner and depth < 8:
            if protocol == 4:
                kind = np.int64(0x0800)
            elif protocol == 41:
                kind = np.int64(0x86DD)
            elif protocol == 47:
                kind, next_at = gre_payload(data, at, end)
                kind, next_at = to_ip(data, next_at, end, kind)
        if (kind != 0x0800 and kind != 0x86DD) or ip_type(data, next_at, end) != kind or next_at + 20 > end:
            status = read_transport(data, at, end, length, packet)
            if status == METERED and more:
                remember_fragment(packet, ident, fragments, n_fragments)
            return status
        wire_end = min(wire_end, at + length)
        at = next_at
    return MALFORMED


@kernel
def mix(x):
    """Spread the bits of a word (the finaliser of a 64-bit hash)."""
    x ^= x >> 32
    x *= np.int64(-2960836687050489427)
    x ^= x >> 29
    x *= np.int64(-4658895280553007687)
    return x ^ (x >> 32)


@kernel
def symmetric_hash(packet):
    """Hash of a packet's endpoints and protocol, the same in both directions."""
    k = np.int64(-7046029254386353131)
    a = mix(packet["src_lo"] + packet["src_hi"] * k + (np.int64(packet["src_port"]) << 40))
    b = mix(packet["dst_lo"] + packet["dst_hi"] * k + (np.int64(packet["dst_port"]) << 40))
    return mix(a + b + np.int64(packet["protocol"]))


@kernel
def decode_plain(data, frame, size, wire_size, packet):
    """Decode the frame nearly all frames are: Ethernet, IPv4 without options and fragments, whole TCP or UDP header.

    Returns False, with nothing written, for any other frame; decode_truly would give the same.
    """
    if size < 42 or be16(data, frame + 12) != 0x0800 or data[frame + 14] != 0x45 or be16(data, frame + 20) & 0x3FFF != 0:
        return False
    protocol = np.int64(data[frame + 23])
    length = min(be16(data, frame + 16), max(size, wire_size) - 14) - 20
    if protocol == TCP:
        if size < 54:
            return False
        header = (np.int64(data[frame + 46]) >> 4) * 4
        if header < 20 or header > length:
            return False
        read_tcp(data, frame + 34, packet)
    elif protocol == UDP:
        header = np.int64(8)
        if header > length:
            return False
        read_ports(data, frame + 34, packet)
        packet["protocol"] = UDP
    else:
        return False
    packet["dst_mac"] = be48(data, frame)
    packet["src_mac"] = be48(data, frame + 6)
    packet["src_lo"] = be32(data, frame + 26)
    packet["dst_lo"] = be32(data, frame + 30)
    packet["header"] = header
    packet["payload"] = length - header
    return True


@kernel
def decode_frames(data, frames, n_frames, rules, packets, fragments, n_fragments, counts):
    """Decode frames to packets and count each by where it went.

    data : (n,) uint8 — block of the capture that the frames point into.
    packets : (>= n_frames,) PACKET — written.  counts : (N_STATUS,) int64 — added to.
    """
    for i in range(n_frames):
        frame = frames[i]
        packet = packets[i]
        clear_packet(packet)
        packet["time_us"] = frame["time_us"]
        packet["src_mac"] = -1
        packet["dst_mac"] = -1
        offset = frame["offset"]
        captured = np.int64(frame["captured"])
        wire = np.int64(frame["wire"])
        if rules.true_links:
            if frame["fault"] != 0:
                status = ABSURD_TIME
            elif frame["link"] == 1 and decode_plain(data, offset, captured, wire, packet):
                status = METERED
            else:
                status = decode_truly(data, offset, captured, wire, frame["link"], rules.inner, packet, fragments, n_fragments)
        else:
            size = min(captured, wire)
            if frame["link"] == 1 and size >= 14:
                packet["dst_mac"] = be48(data, offset)
                packet["src_mac"] = be48(data, offset + 6)
            status = decode_as_cicflowmeter(data, offset, size, rules.logic == CORRECTED, packet)
        packet["status"] = status
        counts[status] += 1
        if status == METERED:
            packet["hash"] = symmetric_hash(packet)


# ----------------------------------------------------------------------------------------------------- finding of flows


@kernel
def find_slot(slots, keys, packet):
    """Slot of the packet's flow, of either direction, or of the empty place where it belongs; (slot, key or -1, same direction)."""
    mask = len(slots) - 1
    tag = packet["hash"] & 0x7FFFFFFF
    at = tag & mask
    while slots[at] != 0:
        if slots[at] >> 32 == tag:
            index = (slots[at] & 0xFFFFFFFF) - 1
            key = keys[index]
            if key["protocol"] == packet["protocol"] and key["version"] == packet["version"]:
                if (
                    key["a_lo"] == packet["src_lo"]
                    and key["b_lo"] == packet["dst_lo"]
                    and key["a_port"] == packet["src_port"]
                    and key["b_port"] == packet["dst_port"]
                    and key["a_hi"] == packet["src_hi"]
                    and key["b_hi"] == packet["dst_hi"]
                ):
                    return at, index, True
                if (
                    key["a_lo"] == packet["dst_lo"]
                    and key["b_lo"] == packet["src_lo"]
                    and key["a_port"] == packet["dst_port"]
                    and key["b_port"] == packet["src_port"]
                    and key["a_hi"] == packet["dst_hi"]
                    and key["b_hi"] == packet["src_hi"]
                ):
                    return at, index, False
        at = (at + 1) & mask
    return at, np.int64(-1), True


@kernel
def free_slot(slots, at):
    """Empty a slot and move those behind it up, so that no search is cut short."""
    mask = len(slots) - 1
    hole = at
    at = (at + 1) & mask
    while slots[at] != 0:
        home = (slots[at] >> 32) & mask
        if ((at - home) & mask) >= ((at - hole) & mask):
            slots[hole] = slots[at]
            hole = at
        at = (at + 1) & mask
    slots[hole] = 0


@kernel
def slot_of_key(slots, keys, index):
    """Slot that points to a key."""
    mask = len(slots) - 1
    tag = np.int64(keys[index]["tag"])
    at = tag & mask
    while (slots[at] & 0xFFFFFFFF) - 1 != index:
        at = (at + 1) & mask
    return at


@kernel
def refill_slots(slots, old_slots):
    """Enter all flows of a smaller table into a larger, empty one."""
    mask = len(slots) - 1
    for i in range(len(old_slots)):
        if old_slots[i] != 0:
            at = (old_slots[i] >> 32) & mask
            while slots[at] != 0:
                at = (at + 1) & mask
            slots[at] = old_slots[i]


# -------------------------------------------------------------------------------------------- TCP segments seen by a flow


@kernel
def segment_words(packet, side):
    """What a TCP segment is known by: sequence and acknowledgement number; payload, window and sender."""
    return (packet["seq"] << 32) | packet["ack"], (np.int64(packet["payload"]) << 32) | (np.int64(packet["window"]) << 1) | side


@kernel
def bucket_of(seq_ack, size_side, connection, buckets):
    """Bucket of a segment."""
    return mix(seq_ack + mix(size_side + (np.int64(connection) << 20))) & (len(buckets) - 1)


@kernel
def enter_segment(at, connection, seq_ack, size_side, flow, buckets, segments):
    """Write a segment to a free place and link it to its bucket and its flow."""
    entry = segments[at]
    entry["connection"] = connection
    entry["seq_ack"] = seq_ack
    entry["size_side"] = size_side
    bucket = bucket_of(seq_ack, size_side, connection, buckets)
    entry["chain"] = buckets[bucket]
    buckets[bucket] = at
    entry["sibling"] = flow["segments"]
    flow["segments"] = at


@kernel
def seen_before(packet, side, connection, flow, buckets, segments, free_segments, counters):
    """Whether the connection has seen this segment (sender, seq, ack, payload, window); else it is remembered.

    connection: index of the flow's key, the same for all parts of a connection. Chained hash table over a pool of SEGMENT.
    """
    seq_ack, size_side = segment_words(packet, side)
    at = buckets[bucket_of(seq_ack, size_side, connection, buckets)]
    while at >= 0:
        entry = segments[at]
        if entry["seq_ack"] == seq_ack and entry["size_side"] == size_side and entry["connection"] == connection:
            return True
        at = entry["chain"]
    counters[FREE_SEGMENTS] -= 1
    enter_segment(free_segments[counters[FREE_SEGMENTS]], connection, seq_ack, size_side, flow, buckets, segments)
    return False


@kernel
def forget_segments(flow, buckets, segments, free_segments, counters):
    """Give back the segments of a connection that is over."""
    at = flow["segments"]
    while at >= 0:
        entry = segments[at]
        bucket = bucket_of(entry["seq_ack"], entry["size_side"], entry["connection"], buckets)
        before = buckets[bucket]
        if before == at:
            buckets[bucket] = entry["chain"]
        else:
            while segments[before]["chain"] != at:
                before = segments[before]["chain"]
            segments[before]["chain"] = entry["chain"]
        free_segments[counters[FREE_SEGMENTS]] = at
        counters[FREE_SEGMENTS] += 1
        at = entry["sibling"]
    flow["segments"] = -1


@kernel
def count_segments(bodies, places, segments):
    """How many TCP segments some flows have seen."""
    n = 0
    for i in range(len(places)):
        at = bodies[places[i]]["segments"]
        while at >= 0:
            n += 1
            at = segments[at]["sibling"]
    return n


@kernel
def unload_segments(bodies, places, pairs, first_pair, buckets, segments, free_segments, counters):
    """Copy and forget the segments of some flows. pairs : (n, 2) int64 — written; first_pair: where they will stand on disk."""
    n = 0
    for i in range(len(places)):
        flow = bodies[places[i]]
        flow["segments_at"] = first_pair + n
        at = flow["segments"]
        while at >= 0:
            pairs[n, 0] = segments[at]["seq_ack"]
            pairs[n, 1] = segments[at]["size_side"]
            n += 1
            at = segments[at]["sibling"]
        flow["segments_n"] = first_pair + n - flow["segments_at"]
        forget_segments(flow, buckets, segments, free_segments, counters)


@kernel
def reload_segments(flow, connection, pairs, buckets, segments, free_segments, counters):
    """Remember segments again; the pool must have room for them."""
    flow["segments"] = -1
    for i in range(len(pairs) - 1, -1, -1):
        counters[FREE_SEGMENTS] -= 1
        enter_segment(free_segments[counters[FREE_SEGMENTS]], connection, pairs[i, 0], pairs[i, 1], flow, buckets, segments)


@kernel
def rehash_segments(buckets, segments, in_use):
    """Enter the remembered segments into a new, empty bucket array."""
    for at in range(len(in_use)):
        if in_use[at]:
            entry = segments[at]
            bucket = bucket_of(entry["seq_ack"], entry["size_side"], entry["connection"], buckets)
            entry["chain"] = buckets[bucket]
            buckets[bucket] = at


# ------------------------------------------------------------------------------------------------- accumulators of a flow


@kernel
def moved(mean, m2, n, x):
    """Mean and second moment after the n-th value x; incremental, because sum/n differs in the last bits."""
    deviation = x - mean
    step = deviation / n
    return mean + step, m2 + (n - 1.0) * deviation * step


@kernel
def update_activity(flow, time_us, activity_us):
    """Tell active from idle time at a packet's time."""
    idle = time_us - flow["end_active"]
    if idle > activity_us:
        active = flow["end_active"] - flow["start_active"]
        if active > 0:
            flow["active_n"] += 1
            flow["active_mean"], flow["active_m2"] = moved(flow["active_mean"], flow["active_m2"], flow["active_n"], float(active))
            if flow["active_n"] == 1:
                flow["active_min"] = active
                flow["active_max"] = active
            else:
                flow["active_min"] = min(flow["active_min"], active)
                flow["active_max"] = max(flow["active_max"], active)
        flow["idle_n"] += 1
        flow["idle_mean"], flow["idle_m2"] = moved(flow["idle_mean"], flow["idle_m2"], flow["idle_n"], float(idle))
        if flow["idle_n"] == 1:
            flow["idle_min"] = idle
            flow["idle_max"] = idle
        else:
            flow["idle_min"] = min(flow["idle_min"], idle)
            flow["idle_max"] = max(flow["idle_max"], idle)
        flow["start_active"] = time_us
    flow["end_active"] = time_us


@kernel
def update_fwd_bulk(flow, time_us, size, other_last):
    """Four or more packets with payload of one direction, not interrupted by the other nor by a second, are a bulk."""
    if other_last > flow["fwd_bulk_start"]:
        flow["fwd_bulk_start"] = 0
    if size <= 0:
        return
    if flow["fwd_bulk_start"] == 0 or time_us - flow["fwd_bulk_last"] > SECOND_US:
        flow["fwd_bulk_start"] = time_us
        flow["fwd_bulk_count"] = 1
        flow["fwd_bulk_size"] = size
    else:
        flow["fwd_bulk_count"] += 1
        flow["fwd_bulk_size"] += size
        if flow["fwd_bulk_count"] == 4:
            flow["fwd_bulks"] += 1
            flow["fwd_bulk_packets"] += 4
            flow["fwd_bulk_bytes"] += flow["fwd_bulk_size"]
            flow["fwd_bulk_us"] += time_us - flow["fwd_bulk_start"]
        elif flow["fwd_bulk_count"] > 4:
            flow["fwd_bulk_packets"] += 1
            flow["fwd_bulk_bytes"] += size
            flow["fwd_bulk_us"] += time_us - flow["fwd_bulk_last"]
    flow["fwd_bulk_last"] = time_us


@kernel
def update_bwd_bulk(flow, time_us, size, other_last):
    """As update_fwd_bulk, of the backward direction."""
    if other_last > flow["bwd_bulk_start"]:
        flow["bwd_bulk_start"] = 0
    if size <= 0:
        return
    if flow["bwd_bulk_start"] == 0 or time_us - flow["bwd_bulk_last"] > SECOND_US:
        flow["bwd_bulk_start"] = time_us
        flow["bwd_bulk_count"] = 1
        flow["bwd_bulk_size"] = size
    else:
        flow["bwd_bulk_count"] += 1
        flow["bwd_bulk_size"] += size
        if flow["bwd_bulk_count"] == 4:
            flow["bwd_bulks"] += 1
            flow["bwd_bulk_packets"] += 4
            flow["bwd_bulk_bytes"] += flow["bwd_bulk_size"]
            flow["bwd_bulk_us"] += time_us - flow["bwd_bulk_start"]
        elif flow["bwd_bulk_count"] > 4:
            flow["bwd_bulk_packets"] += 1
            flow["bwd_bulk_bytes"] += size
            flow["bwd_bulk_us"] += time_us - flow["bwd_bulk_last"]
    flow["bwd_bulk_last"] = time_us


@kernel
def update_subflows(flow, time_us, rules):
    """Count gaps of more than a second; the paper's version counts every packet and mixes up absolute and relative time."""
    last = flow["last"]
    if rules.logic == PAPER:
        if time_us - last / 1e6 > 1.0:
            flow["subflows"] += 1
            update_activity(flow, time_us - last, rules.activity_us)
    elif time_us - last > SECOND_US:
        flow["subflows"] += 1
        update_activity(flow, time_us, rules.activity_us)


@kernel
def count_flags(flow, flags):
    """Count TCP flags of either direction."""
    flow["fin"] += flags & 1
    flow["syn"] += (flags >> 1) & 1
    flow["rst"] += (flags >> 2) & 1
    flow["psh"] += (flags >> 3) & 1
    flow["ack"] += (flags >> 4) & 1
    flow["urg"] += (flags >> 5) & 1
    flow["ece"] += (flags >> 6) & 1
    flow["cwr"] += (flags >> 7) & 1


@kernel
def book_bulk(flow, packet, forward, both_as_backward):
    """Hand a packet to the bulk state of its direction; the original's direction test never says forward."""
    time_us = packet["time_us"]
    size = np.int64(packet["payload"])
    if both_as_backward:
        update_bwd_bulk(flow, time_us, size, np.int64(0))
    elif forward:
        update_fwd_bulk(flow, time_us, size, flow["bwd_bulk_last"])
    else:
        update_bwd_bulk(flow, time_us, size, flow["fwd_bulk_last"])


@kernel
def book_forward(flow, packet):
    """Add a packet to the forward statistics."""
    size = packet["payload"]
    flow["fwd_packets"] += 1
    n = flow["fwd_packets"]
    x = float(size)
    flow["fwd_sum"] += x
    flow["fwd_mean"], flow["fwd_m2"] = moved(flow["fwd_mean"], flow["fwd_m2"], n, x)
    flow["fwd_header"] += packet["header"]
    if n == 1:
        flow["fwd_min"] = size
        flow["fwd_max"] = size
    else:
        flow["fwd_min"] = min(flow["fwd_min"], size)
        flow["fwd_max"] = max(flow["fwd_max"], size)
        gap = packet["time_us"] - flow["fwd_last"]
        flow["fwd_iat_sum"] += float(gap)
        flow["fwd_iat_mean"], flow["fwd_iat_m2"] = moved(flow["fwd_iat_mean"], flow["fwd_iat_m2"], n - 1, float(gap))
        if n == 2:
            flow["fwd_iat_min"] = gap
            flow["fwd_iat_max"] = gap
        else:
            flow["fwd_iat_min"] = min(flow["fwd_iat_min"], gap)
            flow["fwd_iat_max"] = max(flow["fwd_iat_max"], gap)
    flow["fwd_last"] = packet["time_us"]


@kernel
def book_backward(flow, packet):
    """Add a packet to the backward statistics."""
    size = packet["payload"]
    flow["bwd_packets"] += 1
    n = flow["bwd_packets"]
    x = float(size)
    flow["bwd_sum"] += x
    flow["bwd_mean"], flow["bwd_m2"] = moved(flow["bwd_mean"], flow["bwd_m2"], n, x)
    flow["bwd_header"] += packet["header"]
    if n == 1:
        flow["bwd_min"] = size
        flow["bwd_max"] = size
    else:
        flow["bwd_min"] = min(flow["bwd_min"], size)
        flow["bwd_max"] = max(flow["bwd_max"], size)
        gap = packet["time_us"] - flow["bwd_last"]
        flow["bwd_iat_sum"] += float(gap)
        flow["bwd_iat_mean"], flow["bwd_iat_m2"] = moved(flow["bwd_iat_mean"], flow["bwd_iat_m2"], n - 1, float(gap))
        if n == 2:
            flow["bwd_iat_min"] = gap
            flow["bwd_iat_max"] = gap
        else:
            flow["bwd_iat_min"] = min(flow["bwd_iat_min"], gap)
            flow["bwd_iat_max"] = max(flow["bwd_iat_max"], gap)
    flow["bwd_last"] = packet["time_us"]


@kernel
def book_direction_flags(flow, packet, forward, rules, first):
    """Per-direction counters: PSH, URG, RST, FIN, packets with data, smallest header, windows."""
    flags = packet["flags"]
    as_fork = rules.logic >= CORRECTED
    data = 1 if packet["payload"] > 0 else 0
    header = packet["header"]
    if forward:
        if as_fork or first:
            flow["fwd_psh"] += (flags >> 3) & 1
            flow["fwd_urg"] += (flags >> 5) & 1
        if as_fork:
            flow["fwd_rst"] += (flags >> 2) & 1
            flow["fwd_fin"] += flags & 1
        if as_fork or not first:
            flow["fwd_data"] += data
        if first or (rules.logic == CLEAN and flow["fwd_packets"] == 1):
            flow["fwd_header_min"] = header
            flow["fwd_window"] = packet["window"]
        elif header < flow["fwd_header_min"]:
            flow["fwd_header_min"] = header
        return
    if as_fork:
        flow["bwd_psh"] += (flags >> 3) & 1
        flow["bwd_urg"] += (flags >> 5) & 1
        flow["bwd_rst"] += (flags >> 2) & 1
        flow["bwd_fin"] += flags & 1
        flow["bwd_data"] += data
        if first or (rules.logic == CLEAN and flow["bwd_packets"] == 1) or header < flow["bwd_header_min"]:
            flow["bwd_header_min"] = header
    if rules.logic < CORRECTED:
        flow["bwd_window"] = packet["window"]
    elif rules.logic == CORRECTED:
        if flow["bwd_window"] == 0:
            flow["bwd_window"] = packet["window"]
    elif flow["bwd_packets"] == 1:
        flow["bwd_window"] = packet["window"]


@kernel
def not_beyond(next_seq, packet):
    """Whether a segment ends before the highest sequence number seen (clean); (retransmitted, new highest)."""
    size = np.int64(packet["payload"]) + (1 if packet["flags"] & (FIN | SYN) else 0)
    after = (packet["seq"] + size) & 0xFFFFFFFF
    if size == 0:
        return False, next_seq
    if next_seq >= 0 and ((next_seq - after) & 0xFFFFFFFF) < 0x80000000:
        return True, next_seq
    return False, after


@kernel
def book_clean_retransmission(flow, packet, forward):
    """Count segments that carry nothing new."""
    if forward:
        again, flow["fwd_next_seq"] = not_beyond(flow["fwd_next_seq"], packet)
        flow["fwd_again"] += 1 if again else 0
    else:
        again, flow["bwd_next_seq"] = not_beyond(flow["bwd_next_seq"], packet)
        flow["bwd_again"] += 1 if again else 0


@kernel
def book_packet(flow, packet, forward, rules, number):
    """Add a packet to an existing flow."""
    time_us = packet["time_us"]
    book_bulk(flow, packet, forward, rules.logic < CORRECTED)
    update_subflows(flow, time_us, rules)
    if packet["flags"] != 0:
        count_flags(flow, packet["flags"])
    n = flow["fwd_packets"] + flow["bwd_packets"] + 1
    x = float(packet["payload"])
    n_all = n + 1 if rules.logic < CORRECTED else n
    flow["all_mean"], flow["all_m2"] = moved(flow["all_mean"], flow["all_m2"], n_all, x)
    if forward:
        book_forward(flow, packet)
    else:
        book_backward(flow, packet)
    book_direction_flags(flow, packet, forward, rules, False)
    gap = time_us - flow["last"]
    flow["iat_mean"], flow["iat_m2"] = moved(flow["iat_mean"], flow["iat_m2"], n - 1, float(gap))
    if n == 2:
        flow["iat_min"] = gap
        flow["iat_max"] = gap
    else:
        flow["iat_min"] = min(flow["iat_min"], gap)
        flow["iat_max"] = max(flow["iat_max"], gap)
    flow["last"] = time_us
    flow["last_packet"] = number


@kernel
def start_flow(flow, packet, forward, from_initiator, rules, number):
    """Fill a blank flow with its first packet; after a timeout the original books it as forward even from the responder."""
    time_us = packet["time_us"]
    x = float(packet["payload"])
    flow["start"] = time_us
    flow["last"] = time_us
    flow["first_packet"] = number
    flow["last_packet"] = number
    flow["first_payload"] = packet["payload"]
    flow["icmp_type"] = packet["icmp_type"]
    flow["icmp_code"] = packet["icmp_code"]
    flow["fwd_next_seq"] = -1
    flow["bwd_next_seq"] = -1
    flow["segments"] = -1
    book_bulk(flow, packet, forward, rules.logic < CORRECTED)
    if rules.logic == PAPER:
        flow["subflows"] = 1 if time_us - time_us / 1e6 > 1.0 else 0
    flow["start_active"] = time_us
    flow["end_active"] = time_us
    count_flags(flow, packet["flags"])
    flow["all_mean"], flow["all_m2"] = moved(0.0, 0.0, 1, x)
    if rules.logic < CORRECTED:
        flow["all_mean"], flow["all_m2"] = moved(flow["all_mean"], flow["all_m2"], 2, x)
    if forward:
        book_forward(flow, packet)
    else:
        book_backward(flow, packet)
    book_direction_flags(flow, packet, forward, rules, True)
    flow["src_mac"] = packet["src_mac"] if from_initiator else packet["dst_mac"]
    flow["dst_mac"] = packet["dst_mac"] if from_initiator else packet["src_mac"]


# ---------------------------------------------------------------------------------------------------------- packets to flows


@kernel
def release_flow(slots, slot, keys, key_index, bodies, free_keys, free_bodies, counters):
    """Take a flow out of the table."""
    body = keys[key_index]["body"]
    bodies[body]["owner"] = 0
    free_slot(slots, slot)
    free_keys[counters[FREE_KEYS]] = key_index
    counters[FREE_KEYS] += 1
    free_bodies[counters[FREE_BODIES]] = body
    counters[FREE_BODIES] += 1
    counters[LIVE] -= 1


@kernel
def hand_out(flow, key, logic, finished, finished_keys, counters):
    """Copy a flow that is over to the output; the original tools drop those of one packet."""
    if logic < CORRECTED and flow["fwd_packets"] + flow["bwd_packets"] < 2:
        counters[UNWRITTEN] += 1
        return
    at = counters[FINISHED]
    finished[at] = flow
    finished_keys[at] = key
    counters[FINISHED] += 1


@kernel
def enter_key(key, packet, swapped):
    """Write a packet's endpoints into a key; swapped: destination first."""
    if swapped:
        key["a_hi"] = packet["dst_hi"]
        key["a_lo"] = packet["dst_lo"]
        key["b_hi"] = packet["src_hi"]
        key["b_lo"] = packet["src_lo"]
        key["a_port"] = packet["dst_port"]
        key["b_port"] = packet["src_port"]
    else:
        key["a_hi"] = packet["src_hi"]
        key["a_lo"] = packet["src_lo"]
        key["b_hi"] = packet["dst_hi"]
        key["b_lo"] = packet["dst_lo"]
        key["a_port"] = packet["src_port"]
        key["b_port"] = packet["dst_port"]
    key["protocol"] = packet["protocol"]
    key["version"] = packet["version"]
    key["tag"] = packet["hash"] & 0x7FFFFFFF


@kernel
def renew_flow(flow, key, index, packet, forward, from_initiator, is_reversed, rules, number, blank, bodies, counters):
    """Begin a new flow in the place of one that has been handed out; the table's order sees a new entry."""
    bodies[key["body"]] = blank[0]
    flow["owner"] = index + 1
    key["order"] = counters[ORDER]
    counters[ORDER] += 1
    flow["number"] = counters[CREATED]
    counters[CREATED] += 1
    key["reversed"] = is_reversed
    key["state"] = OPEN
    start_flow(flow, packet, forward, from_initiator, rules, number)


@kernel
def talks_to_itself(key, logic):
    """Whether both ends of a flow are the same, so that every packet is forward; CICFlowMeter looks at addresses only."""
    return key["a_lo"] == key["b_lo"] and key["a_hi"] == key["b_hi"] and (logic != CLEAN or key["a_port"] == key["b_port"])


@kernel
def is_forward(key, same_direction, logic):
    """Whether a packet goes from initiator to responder."""
    return talks_to_itself(key, logic) or same_direction == (key["reversed"] == 0)


@kernel
def look_ahead(packets, i, n_packets, slots, keys, bodies):
    """Fetch into the cache what packets soon to come will need: their slot, then their key, then their flow.

    With many flows nearly every packet meets a flow outside the cache; waiting for memory would take most of the time.
    """
    mask = len(slots) - 1
    if i + 24 < n_packets:
        _prefetch(slots, packets[i + 24]["hash"] & 0x7FFFFFFF & mask, 0)
    if i + 14 < n_packets:
        tag = packets[i + 14]["hash"] & 0x7FFFFFFF
        slot = slots[tag & mask]
        if slot >> 32 == tag and slot != 0:
            _prefetch(keys, (slot & 0xFFFFFFFF) - 1, 0)
    if i + 7 < n_packets:
        packet = packets[i + 7]
        tag = packet["hash"] & 0x7FFFFFFF
        slot = slots[tag & mask]
        if slot >> 32 == tag and slot != 0:
            key = keys[(slot & 0xFFFFFFFF) - 1]
            body = np.int64(key["body"])
            if body >= 0:
                from_a = key["a_lo"] == packet["src_lo"] and key["a_port"] == packet["src_port"]
                direction = 192 if from_a == (key["reversed"] == 0) else 384
                for line in range(3):
                    _prefetch(bodies, body, line * 64)
                _prefetch(bodies, body, direction)
                _prefetch(bodies, body, direction + 64)
                if packet["payload"] > 0:
                    _prefetch(bodies, body, direction + 128)


@kernel
def look_ahead_for_segments(packets, i, n_packets, slots, keys, buckets, segments):
    """As look_ahead, for the bucket of a TCP segment and then the newest segment in it."""
    mask = len(slots) - 1
    for ahead in (6, 3):
        if i + ahead < n_packets:
            packet = packets[i + ahead]
            tag = packet["hash"] & 0x7FFFFFFF
            slot = slots[tag & mask]
            if packet["protocol"] == TCP and slot >> 32 == tag and slot != 0:
                index = (slot & 0xFFFFFFFF) - 1
                side = 0 if keys[index]["a_lo"] == packet["src_lo"] and keys[index]["a_port"] == packet["src_port"] else 1
                seq_ack, size_side = segment_words(packet, side)
                bucket = bucket_of(seq_ack, size_side, index, buckets)
                if ahead == 6:
                    _prefetch(buckets, bucket, 0)
                elif buckets[bucket] >= 0:
                    _prefetch(segments, np.int64(buckets[bucket]), 0)


@kernel
def fetch_free(keys, bodies, free_keys, free_bodies, counters):
    """Fetch into the cache where the next new flow will be written."""
    if counters[FREE_KEYS] > 0 and counters[FREE_BODIES] > 0:
        _prefetch(keys, np.int64(free_keys[counters[FREE_KEYS] - 1]), 0)
        for line in range(11):
            _prefetch(bodies, np.int64(free_bodies[counters[FREE_BODIES] - 1]), line * 64)


@kernel
def meter_packets(
    packets, first, n_packets, number, rules, slots, keys, bodies, blank, free_keys, free_bodies, counters, finished, finished_keys,
    buckets, segments, free_segments, counts, booked,
):
    """Book packets to flows, from index `first` on; returns the index of the first packet not booked.

    number : int — number of packets[0] within the capture, from 1.
    counters[REASON] says why it came back: METER_DONE, or what the caller must make room for before calling again.
    counts : (N_STATUS,) int64 — packets that the profile drops are moved from METERED to their reason.
    booked : (n_packets,) int64 — written: number of the flow that each packet went to, -1 for none.
    """
    logic = rules.logic
    as_fork = logic >= CORRECTED
    counters[REASON] = METER_DONE
    for i in range(first, n_packets):
        look_ahead(packets, i, n_packets, slots, keys, bodies)
        if logic == CORRECTED:
            look_ahead_for_segments(packets, i, n_packets, slots, keys, buckets, segments)
        packet = packets[i]
        if packet["status"] != METERED:
            booked[i] = -1
            continue
        if counters[FREE_KEYS] == 0:
            counters[REASON] = METER_KEYS_FULL
            return i
        if counters[FREE_BODIES] == 0:
            counters[REASON] = METER_BODIES_FULL
            return i
        if counters[FINISHED] == len(finished):
            counters[REASON] = METER_OUTPUT_FULL
            return i
        if logic == CORRECTED and counters[FREE_SEGMENTS] == 0:
            counters[REASON] = METER_SEGMENTS_FULL
            return i
        slot, index, same_direction = find_slot(slots, keys, packet)
        time_us = packet["time_us"]
        flags = packet["flags"]
        protocol = packet["protocol"]
        if index < 0:
            counters[FREE_KEYS] -= 1
            counters[FREE_BODIES] -= 1
            index = np.int64(free_keys[counters[FREE_KEYS]])
            body = free_bodies[counters[FREE_BODIES]]
            slots[slot] = ((packet["hash"] & 0x7FFFFFFF) << 32) | (index + 1)
            key = keys[index]
            key["body"] = body
            flow = bodies[body]
            answer = as_fork and flags & SYN != 0 and flags & ACK != 0  # the request was not captured
            enter_key(key, packet, answer)
            counters[LIVE] += 1
            counters[PEAK] = max(counters[PEAK], counters[LIVE])
            same_direction = not answer
            forward = not answer or talks_to_itself(key, logic)
            renew_flow(flow, key, index, packet, forward, forward, 0, rules, number + i, blank, bodies, counters)
            fetch_free(keys, bodies, free_keys, free_bodies, counters)
        else:
            key = keys[index]
            if key["body"] < 0:
                counters[REASON] = METER_ON_DISK
                counters[WANTED_KEY] = index
                return i
            flow = bodies[key["body"]]
            forward = is_forward(key, same_direction, logic)
            late = time_us - flow["start"] > rules.flow_us
            if as_fork:
                reused = key["state"] == READY and flags & SYN != 0
                silent = rules.idle_us > 0 and time_us - flow["last"] > rules.idle_us
                other_icmp = (
                    protocol in (ICMP, ICMPV6)
                    and packet["icmp_type"] != flow["icmp_type"]
                    and packet["icmp_code"] != flow["icmp_code"]
                )
                if late or reused or silent or other_icmp:
                    hand_out(flow, key, logic, finished, finished_keys, counters)
                    fresh = reused or silent or (protocol == UDP and time_us - flow["last"] > rules.flow_us) or (protocol != TCP and protocol != UDP)
                    if fresh:
                        if logic == CORRECTED:
                            forget_segments(flow, buckets, segments, free_segments, counters)
                        answer = flags & SYN != 0 and flags & ACK != 0
                        initiator_is_a = same_direction != answer
                        forward = not answer or talks_to_itself(key, logic)
                        renew_flow(flow, key, index, packet, forward, forward, 0 if initiator_is_a else 1, rules, number + i, blank, bodies, counters)
                    else:
                        known = flow["segments"]
                        before = flow["connection_us"] + time_us - flow["start"]
                        fwd_next = flow["fwd_next_seq"]
                        bwd_next = flow["bwd_next_seq"]
                        renew_flow(flow, key, index, packet, forward, forward, key["reversed"], rules, number + i, blank, bodies, counters)
                        flow["segments"] = known
                        flow["connection_us"] = before
                        flow["fwd_next_seq"] = fwd_next
                        flow["bwd_next_seq"] = bwd_next
                else:
                    update_activity(flow, time_us, rules.activity_us)
                    book_packet(flow, packet, forward, rules, number + i)
                    if flags & FIN:
                        if key["state"] == OPEN:
                            key["state"] = FIN_ONE
                        elif key["state"] == FIN_ONE and flow["fwd_fin"] > 0 and flow["bwd_fin"] > 0:
                            key["state"] = FIN_BOTH
                    elif flags & RST or (flags & ACK and key["state"] == FIN_BOTH):
                        key["state"] = READY
            elif late:
                hand_out(flow, key, logic, finished, finished_keys, counters)
                renew_flow(flow, key, index, packet, True, forward, key["reversed"], rules, number + i, blank, bodies, counters)
            elif logic == ORIGINAL and flags & FIN and forward:
                flow["fwd_fin"] += 1
                if flow["fwd_fin"] > 1:
                    counts[METERED] -= 1
                    counts[REPEATED_FIN] += 1
                    booked[i] = -1
                    continue
                update_activity(flow, time_us, rules.activity_us)
                book_packet(flow, packet, forward, rules, number + i)
            elif flags & FIN or (logic == ORIGINAL and flags & RST):
                book_packet(flow, packet, forward, rules, number + i)
                booked[i] = flow["number"]
                hand_out(flow, key, logic, finished, finished_keys, counters)
                release_flow(slots, slot, keys, index, bodies, free_keys, free_bodies, counters)
                continue
            else:
                update_activity(flow, time_us, rules.activity_us)
                book_packet(flow, packet, forward, rules, number + i)
        booked[i] = flow["number"]
        if protocol == TCP:
            if logic == CORRECTED:
                side = 0 if same_direction else 1
                if key["a_lo"] == key["b_lo"]:
                    side = 0
                if seen_before(packet, side, index, flow, buckets, segments, free_segments, counters):
                    if forward:
                        flow["fwd_again"] += 1
                    else:
                        flow["bwd_again"] += 1
            elif logic == CLEAN:
                book_clean_retransmission(flow, packet, forward)
    return n_packets


# -------------------------------------------------------------------------------------------------------------- text


@kernel
def write_number(text, at, value):
    """Write a number from 0 to 99,999 in decimal; position behind it."""
    rest = np.uint32(value)
    digits = 1 + (rest > 9) + (rest > 99) + (rest > 999) + (rest > 9999)
    for i in range(digits):
        text[at + digits - 1 - i] = 48 + rest % np.uint32(10)
        rest = rest // np.uint32(10)
    return at + digits


@kernel
def write_hex(text, at, value, digits):
    """Write the low hexadecimal digits of a number; position behind them."""
    for i in range(digits):
        nibble = (value >> (4 * (digits - 1 - i))) & 15
        text[at + i] = 48 + nibble if nibble < 10 else 87 + nibble
    return at + digits


@kernel
def write_group(text, at, value):
    """Write 16 bits in hexadecimal without leading zeros."""
    if value > 0xFFF:
        return write_hex(text, at, value, 4)
    if value > 0xFF:
        return write_hex(text, at, value, 3)
    if value > 0xF:
        return write_hex(text, at, value, 2)
    return write_hex(text, at, value, 1)


@kernel
def ipv6_group(hi, lo, i):
    """The i-th of the eight 16-bit groups of an address."""
    if i < 4:
        return (hi >> (48 - 16 * i)) & 0xFFFF
    return (lo >> (112 - 16 * i)) & 0xFFFF


@kernel
def write_ipv6(text, at, hi, lo):
    """Write an IPv6 address as RFC 5952 wants it: the first longest run of two or more zero groups becomes '::'."""
    best = -1
    longest = 1
    run = 0
    for i in range(8):
        run = run + 1 if ipv6_group(hi, lo, i) == 0 else 0
        if run > longest:
            longest = run
            best = i + 1 - run
    i = 0
    while i < 8:
        if i == best:
            text[at] = 58
            text[at + 1] = 58
            at += 2
            i += longest
            continue
        if (i > 0 and i != best + longest) or (i > 0 and best < 0):
            text[at] = 58
            at += 1
        at = write_group(text, at, ipv6_group(hi, lo, i))
        i += 1
    return at


@kernel
def write_address(text, at, hi, lo, version):
    """Write an address; position behind it."""
    if version == 6:
        return write_ipv6(text, at, hi, lo)
    for shift in (24, 16, 8):
        at = write_number(text, at, (lo >> shift) & 255)
        text[at] = 46
        at += 1
    return write_number(text, at, lo & 255)


@kernel
def write_mac(text, at, mac):
    """Write a MAC address, nothing for none."""
    if mac < 0:
        return at
    for shift in (40, 32, 24, 16, 8):
        at = write_hex(text, at, mac >> shift, 2)
        text[at] = 58
        at += 1
    return write_hex(text, at, mac, 2)


@kernel
def write_flow_id_end(text, at, key):
    """Write the ports and the protocol of a flow id."""
    at = write_number(text, at, np.int64(key["a_port"]))
    text[at] = 45
    at = write_number(text, at + 1, np.int64(key["b_port"]))
    text[at] = 45
    return write_number(text, at + 1, np.int64(key["protocol"]))


@kernel
def write_flow_id(text, at, key):
    """Write a key as CICFlowMeter names its flows: src-dst-sport-dport-protocol."""
    at = write_address(text, at, key["a_hi"], key["a_lo"], key["version"])
    text[at] = 45
    at = write_address(text, at + 1, key["b_hi"], key["b_lo"], key["version"])
    text[at] = 45
    return write_flow_id_end(text, at + 1, key)


@kernel
def java_hashes(keys, indexes, hashes):
    """Spread Java string hash of the flow ids of some keys, as HashMap uses it. hashes : (n,) int64 — written."""
    text = np.empty(128, np.uint8)
    for i in range(len(indexes)):
        size = write_flow_id(text, 0, keys[indexes[i]])
        h = np.int64(0)
        for j in range(size):
            h = (h * 31 + np.int64(text[j])) & 0xFFFFFFFF
        hashes[i] = h ^ (h >> 16)


# ------------------------------------------------------------------------------------------------------------ flows to rows

N_FEATURES = 86  # FEATURES and CORRECTED_EXTRAS of schema.py, in their order
N_NUMBERS = 4  # start_us, flow_number, first_packet, last_packet
TEXT_PER_ROW = 96  # longest flow id: two addresses of 39, ports of 5, protocol of 3, four hyphens


@kernel
def variance(m2, n):
    """Sample variance; 0 for one value, NaN for none."""
    if n == 0:
        return np.nan
    if n == 1:
        return 0.0
    return m2 / (n - 1.0)


@kernel
def fill_statistic(floats, row, column, n, mean, m2, low, high):
    """Mean, std, max, min into four columns, 0 without values."""
    if n > 0:
        floats[column, row] = mean
        floats[column + 1, row] = np.sqrt(variance(m2, n))
        floats[column + 2, row] = float(high)
        floats[column + 3, row] = float(low)
    else:
        for i in range(4):
            floats[column + i, row] = 0.0


@kernel
def fill_sizes(floats, row, column, n, mean, m2, low, high):
    """Max, min, mean, std into four columns, 0 without values."""
    if n > 0:
        floats[column, row] = high
        floats[column + 1, row] = low
        floats[column + 2, row] = mean
        floats[column + 3, row] = np.sqrt(variance(m2, n))
    else:
        for i in range(4):
            floats[column + i, row] = 0.0


@kernel
def fill_rates(floats, row, flow, logic):
    """Columns that divide by the flow's duration."""
    duration = flow["last"] - flow["start"]
    seconds = duration / 1e6
    n = flow["fwd_packets"] + flow["bwd_packets"]
    if duration == 0 and logic >= CORRECTED:
        instant = -1.0 if logic == CORRECTED else 0.0
        floats[13, row] = instant
        floats[14, row] = instant
    else:
        floats[13, row] = (flow["fwd_sum"] + flow["bwd_sum"]) / seconds
        floats[14, row] = n / seconds
    floats[35, row] = flow["fwd_packets"] / seconds if duration > 0 else 0.0
    floats[36, row] = flow["bwd_packets"] / seconds if duration > 0 else 0.0


@kernel
def fill_bulks(floats, row, flow, logic):
    """Bulk columns; the original divides integers and shows the whole flow as backward, the paper's version hides the bytes."""
    if flow["fwd_bulks"] > 0:
        floats[54, row] = flow["fwd_bulk_bytes"] / flow["fwd_bulks"]
        floats[55, row] = flow["fwd_bulk_packets"] / flow["fwd_bulks"]
    else:
        floats[54, row] = 0.0
        floats[55, row] = 0.0
    floats[56, row] = flow["fwd_bulk_bytes"] / (flow["fwd_bulk_us"] / 1e6) if flow["fwd_bulk_us"] != 0 else 0.0
    for i in range(57, 60):
        floats[i, row] = 0.0
    bulks = flow["bwd_bulks"]
    if bulks > 0:
        if logic < CORRECTED:
            floats[57, row] = float(flow["bwd_bulk_bytes"] // bulks) if logic == ORIGINAL else 0.0
            floats[58, row] = float(flow["bwd_bulk_packets"] // bulks)
        else:
            floats[57, row] = flow["bwd_bulk_bytes"] / bulks
            floats[58, row] = flow["bwd_bulk_packets"] / bulks
    if flow["bwd_bulk_us"] != 0:
        rate = flow["bwd_bulk_bytes"] / (flow["bwd_bulk_us"] / 1e6)
        floats[59, row] = np.trunc(rate) if logic < CORRECTED else rate


@kernel
def fill_subflows(floats, row, flow, logic):
    """Totals over sub-flows."""
    subflows = flow["subflows"]
    for i in range(60, 64):
        floats[i, row] = 0.0
    if subflows <= 0:
        return
    if logic < CORRECTED:
        floats[60, row] = float(flow["fwd_packets"] // subflows)
        floats[61, row] = float(np.int64(flow["fwd_sum"]) // subflows)
        floats[62, row] = float(flow["bwd_packets"] // subflows)
        floats[63, row] = float(np.int64(flow["bwd_sum"]) // subflows)
    else:
        floats[60, row] = flow["fwd_packets"] / subflows
        floats[61, row] = flow["fwd_sum"] / subflows
        floats[62, row] = flow["bwd_packets"] / subflows
        floats[63, row] = flow["bwd_sum"] / subflows


@kernel
def fill_lengths(ints, floats, row, flow, logic):
    """Payload statistics of the whole flow."""
    fwd = flow["fwd_packets"]
    bwd = flow["bwd_packets"]
    n = fwd + bwd
    n_all = n
    total = flow["fwd_sum"] + flow["bwd_sum"]
    if logic < CORRECTED:
        n_all += 1
        total += flow["first_payload"]
    low = flow["fwd_min"]
    high = flow["fwd_max"]
    if fwd == 0 or (bwd > 0 and flow["bwd_min"] < low):
        low = flow["bwd_min"]
    if fwd == 0 or (bwd > 0 and flow["bwd_max"] > high):
        high = flow["bwd_max"]
    floats[37, row] = low
    floats[38, row] = high
    floats[39, row] = flow["all_mean"]
    spread = variance(flow["all_m2"], n_all)
    floats[40, row] = np.sqrt(spread)
    floats[41, row] = spread
    floats[51, row] = total / n
    floats[52, row] = flow["fwd_sum"] / fwd if fwd > 0 else 0.0
    floats[53, row] = flow["bwd_sum"] / bwd if bwd > 0 else 0.0
    floats[50, row] = 0.0
    if fwd > 0:
        floats[50, row] = float(bwd // fwd) if logic < CORRECTED else bwd / fwd


@kernel
def fill_features(ints, floats, row, key, flow, logic):
    """All feature columns of a flow; `ints` and `floats` are two views of the same cells, (N_FEATURES, rows)."""
    fwd = flow["fwd_packets"]
    bwd = flow["bwd_packets"]
    n = fwd + bwd
    ints[0, row] = flow["last"] - flow["start"]
    ints[1, row] = fwd
    ints[2, row] = bwd
    floats[3, row] = flow["fwd_sum"]
    floats[4, row] = flow["bwd_sum"]
    fill_sizes(floats, row, 5, fwd, flow["fwd_mean"], flow["fwd_m2"], flow["fwd_min"], flow["fwd_max"])
    fill_sizes(floats, row, 9, bwd, flow["bwd_mean"], flow["bwd_m2"], flow["bwd_min"], flow["bwd_max"])
    fill_rates(floats, row, flow, logic)
    fill_statistic(floats, row, 15, n - 1, flow["iat_mean"], flow["iat_m2"], flow["iat_min"], flow["iat_max"])
    floats[19, row] = flow["fwd_iat_sum"]
    fill_statistic(floats, row, 20, fwd - 1, flow["fwd_iat_mean"], flow["fwd_iat_m2"], flow["fwd_iat_min"], flow["fwd_iat_max"])
    floats[24, row] = flow["bwd_iat_sum"]
    fill_statistic(floats, row, 25, bwd - 1, flow["bwd_iat_mean"], flow["bwd_iat_m2"], flow["bwd_iat_min"], flow["bwd_iat_max"])
    ints[29, row] = flow["fwd_psh"]
    ints[30, row] = flow["bwd_psh"]
    ints[31, row] = flow["fwd_urg"]
    ints[32, row] = flow["bwd_urg"]
    ints[33, row] = flow["fwd_header"]
    ints[34, row] = flow["bwd_header"]
    fill_lengths(ints, floats, row, flow, logic)
    ints[42, row] = flow["fin"]
    ints[43, row] = flow["syn"]
    ints[44, row] = flow["rst"]
    ints[45, row] = flow["psh"]
    ints[46, row] = flow["ack"]
    ints[47, row] = flow["urg"]
    ints[48, row] = flow["cwr"]
    ints[49, row] = flow["ece"]
    fill_bulks(floats, row, flow, logic)
    fill_subflows(floats, row, flow, logic)
    ints[64, row] = flow["fwd_window"]
    ints[65, row] = flow["bwd_window"]
    ints[66, row] = flow["fwd_data"]
    ints[67, row] = flow["fwd_header_min"]
    fill_statistic(floats, row, 68, flow["active_n"], flow["active_mean"], flow["active_m2"], flow["active_min"], flow["active_max"])
    fill_statistic(floats, row, 72, flow["idle_n"], flow["idle_mean"], flow["idle_m2"], flow["idle_min"], flow["idle_max"])
    if logic >= CORRECTED:
        fill_extras(ints, row, key, flow)


@kernel
def fill_extras(ints, row, key, flow):
    """The ten columns that only the corrected tool has."""
    ints[76, row] = flow["fwd_rst"]
    ints[77, row] = flow["bwd_rst"]
    ints[78, row] = flow["bwd_data"]
    ints[79, row] = flow["bwd_header_min"]
    ints[80, row] = flow["icmp_code"]
    ints[81, row] = flow["icmp_type"]
    ints[82, row] = flow["fwd_again"]
    ints[83, row] = flow["bwd_again"]
    ints[84, row] = flow["fwd_again"] + flow["bwd_again"]
    ints[85, row] = 0
    if key["protocol"] == TCP or key["protocol"] == UDP:
        ints[85, row] = flow["connection_us"] + flow["last"] - flow["start"]


@kernel
def fill_rows(keys, flows, n, logic, first, cells, floats, numbers, ports, texts, offsets):
    """Turn flows that are over into columns, from row `first` on.

    cells, floats : (N_FEATURES, rows) int64 and float64 views of one memory — written.
    numbers : (N_NUMBERS, rows) int64, ports : (3, rows) int32 — written: start, number, first and last packet; ports and protocol.
    texts : (5, rows * TEXT_PER_ROW) uint8, offsets : (5, rows + 1) int32 — written: flow id, source and destination address, MACs.
    """
    for i in range(n):
        row = first + i
        key = keys[i]
        flow = flows[i]
        fill_features(cells, floats, row, key, flow, logic)
        is_reversed = key["reversed"] != 0
        a_text = 2 if is_reversed else 1
        b_text = 1 if is_reversed else 2
        a_at = np.int64(offsets[a_text, row])
        b_at = np.int64(offsets[b_text, row])
        a_end = write_address(texts[a_text], a_at, key["a_hi"], key["a_lo"], key["version"])
        b_end = write_address(texts[b_text], b_at, key["b_hi"], key["b_lo"], key["version"])
        offsets[a_text, row + 1] = a_end
        offsets[b_text, row + 1] = b_end
        at = copy_text(texts[0], np.int64(offsets[0, row]), texts[a_text], a_at, a_end)
        texts[0, at] = 45
        at = copy_text(texts[0], at + 1, texts[b_text], b_at, b_end)
        texts[0, at] = 45
        offsets[0, row + 1] = write_flow_id_end(texts[0], at + 1, key)
        offsets[3, row + 1] = write_mac(texts[3], np.int64(offsets[3, row]), flow["src_mac"])
        offsets[4, row + 1] = write_mac(texts[4], np.int64(offsets[4, row]), flow["dst_mac"])
        ports[0, row] = key["b_port"] if is_reversed else key["a_port"]
        ports[1, row] = key["a_port"] if is_reversed else key["b_port"]
        ports[2, row] = key["protocol"]
        numbers[0, row] = flow["start"]
        numbers[1, row] = flow["number"]
        numbers[2, row] = flow["first_packet"]
        numbers[3, row] = flow["last_packet"]


@kernel
def copy_text(target, at, source, start, end):
    """Copy some bytes of text; position behind them."""
    for i in range(end - start):
        target[at + i] = source[start + i]
    return at + end - start


@kernel
def gather_flows(keys, bodies, indexes, from_disk, logic, finished, finished_keys, counters):
    """Hand out live flows in the order of `indexes`; those on disk are in `from_disk`, in the same order."""
    read = 0
    for i in range(len(indexes)):
        key = keys[indexes[i]]
        if i + 8 < len(indexes):
            ahead = np.int64(keys[indexes[i + 8]]["body"])
            if ahead >= 0:
                for line in range(11):
                    _prefetch(bodies, ahead, line * 64)
        if key["body"] < 0:
            hand_out(from_disk[read], key, logic, finished, finished_keys, counters)
            read += 1
        else:
            hand_out(bodies[key["body"]], key, logic, finished, finished_keys, counters)


@kernel
def read_flows(file, places, flows):
    """Read flows from a file; returns how many came whole. flows : (len(places),) FLOW — written."""
    size = FLOW_BYTES
    for i in range(len(places)):
        if _pread(file, flows[i:].ctypes.data, size, places[i] * size) != size:
            return i
    return len(places)


@kernel
def live_keys(slots, live):
    """Indexes of the keys in use. live : (at least that many,) int64 — written; returns how many."""
    n = 0
    for i in range(len(slots)):
        if slots[i] != 0:
            live[n] = (slots[i] & 0xFFFFFFFF) - 1
            n += 1
    return n


@kernel
def silent_keys(bodies, watermark_us, idle_us, over, numbers):
    """Keys of the flows silent for longer than idle_us at a time, and their flow numbers; returns how many."""
    n = 0
    for i in range(len(bodies)):
        _prefetch(bodies, i + 16, 0)
        flow = bodies[i]
        if flow["owner"] > 0 and watermark_us - flow["last"] > idle_us:
            over[n] = flow["owner"] - 1
            numbers[n] = flow["number"]
            n += 1
    return n


@kernel
def old_keys(bodies, watermark_us, flow_us, old):
    """Keys of the flows in memory whose timeout has passed at a time; returns how many."""
    n = 0
    for i in range(len(bodies)):
        _prefetch(bodies, i + 16, 0)
        flow = bodies[i]
        if flow["owner"] > 0 and watermark_us - flow["start"] > flow_us:
            old[n] = flow["owner"] - 1
            n += 1
    return n


@kernel
def move_out(keys, bodies, indexes, flows, first_place, free_bodies, counters):
    """Copy the flows of some keys out of memory, free their places and note in the keys where they will stand on disk."""
    for i in range(len(indexes)):
        if i + 4 < len(indexes):
            for line in range(11):
                _prefetch(bodies, np.int64(keys[indexes[i + 4]]["body"]), line * 64)
        key = keys[indexes[i]]
        body = key["body"]
        flows[i] = bodies[body]
        bodies[body]["owner"] = 0
        key["body"] = -1 - (first_place + i)
        free_bodies[counters[FREE_BODIES]] = body
        counters[FREE_BODIES] += 1


@kernel
def release_keys(slots, keys, indexes, bodies, free_keys, free_bodies, counters):
    """Take flows out of the table."""
    for i in range(len(indexes)):
        if i + 8 < len(indexes):
            _prefetch(slots, np.int64(keys[indexes[i + 8]]["tag"]) & (len(slots) - 1), 0)
        release_flow(slots, slot_of_key(slots, keys, indexes[i]), keys, indexes[i], bodies, free_keys, free_bodies, counters)


# ------------------------------------------------------------------------------------------- link-layer view of a packet

N_VIEWS = 19  # columns of packets.py that describe_frames writes


@kernel
def describe_frames(data, frames, n_frames, views):
    """What a frame says at the link layer and above, whatever a profile makes of it.

    views : (N_VIEWS, >= n_frames) int64 — written, in the order of packets.PACKET_COLUMNS behind flow_number. The outermost
    IPv4 header counts, tunnels are not followed.
    """
    scratch = np.zeros(1, PACKET)
    packet = scratch[0]
    for i in range(n_frames):
        frame = frames[i]
        at = frame["offset"]
        captured = np.int64(frame["captured"])
        end = at + captured
        for j in range(N_VIEWS):
            views[j, i] = -1
        views[0, i] = captured
        views[1, i] = frame["wire"]
        clear_packet(packet)
        packet["src_mac"] = 0
        packet["dst_mac"] = 0
        kind, at = link_payload(data, at, end, frame["link"], packet)
        views[2, i] = packet["src_mac"]
        views[3, i] = packet["dst_mac"]
        views[4, i] = max(kind, 0)
        for j in (5, 6, 15, 16, 17, 18):
            views[j, i] = 0
        if kind < 0:
            continue
        while kind in (0x8100, 0x88A8, 0x9100, 0x9200) and at + 4 <= end:
            kind = be16(data, at + 2)
            at += 4
        if kind == 0x0806:
            describe_arp(data, at, end, views, i)
            continue
        kind, at = to_ip(data, at, end, kind)
        if kind == 0x0800:
            describe_ip(data, at, end, frame["offset"] + max(captured, np.int64(frame["wire"])), packet, views, i)


@kernel
def describe_arp(data, at, end, views, i):
    """Operation, addresses of an ARP packet for Ethernet and IPv4."""
    if at + 28 <= end and be16(data, at + 2) == 0x0800 and data[at + 4] == 6 and data[at + 5] == 4:
        views[14, i] = be16(data, at + 6)
        views[15, i] = be48(data, at + 8)
        views[17, i] = be32(data, at + 14)
        views[16, i] = be48(data, at + 18)
        views[18, i] = be32(data, at + 24)


@kernel
def describe_ip(data, at, end, wire_end, packet, views, i):
    """Addresses, ports, flags, window and ICMP type behind an IPv4 header."""
    status, at, _, protocol, offset, _, _ = read_ipv4(data, at, end, wire_end, packet)
    if status != METERED:
        return
    views[5, i] = packet["src_lo"]
    views[6, i] = packet["dst_lo"]
    views[7, i] = protocol
    if offset != 0:
        return
    if protocol in (TCP, UDP, SCTP) and at + 4 <= end:
        views[8, i] = be16(data, at)
        views[9, i] = be16(data, at + 2)
    if protocol == TCP and at + 16 <= end:
        views[10, i] = data[at + 13]
        views[11, i] = be16(data, at + 14)
    if protocol == ICMP and at + 2 <= end:
        views[12, i] = data[at]
        views[13, i] = data[at + 1]
