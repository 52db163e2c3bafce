"""What kernels and their callers agree on: structured arrays, and what numbers mean."""

from __future__ import annotations

import numpy as np

FRAME = np.dtype(
    [
        ("time_us", "i8"),
        ("offset", "i8"),
        ("captured", "i4"),
        ("wire", "i4"),
        ("link", "i4"),
        ("fault", "i2"),
        ("clock", "i2"),  # TIME_OWN, TIME_CARRIED or TIME_INHERITED
    ]
)

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
        ("tag", "i4"),  # the hash's bits that the table works with
        ("order", "i8"),  # counts insertions into the table
        ("state", "i2"),  # OPEN, FIN_ONE, FIN_BOTH, READY
        ("reversed", "i2"),  # 1: the initiator is endpoint b
        ("known", "i4"),  # clean, TCP: what is known of either end, HAS_ISN to WINDOW_SHUT
    ]
)

# accumulators of one direction: three cache lines, the third only for packets with payload
DIRECTION = np.dtype(
    [
        ("last", "i8"),
        ("sum", "f8"),
        ("mean", "f8"),
        ("m2", "f8"),
        ("min", "i4"),
        ("max", "i4"),
        ("header", "i8"),
        ("header_min", "i4"),
        ("isn", "u4"),  # clean: initial sequence number
        ("next_seq", "u4"),  # clean: behind the highest sequence number sent
        ("ack", "u4"),  # clean: the latest acknowledgement number sent
        ("iat_sum", "f8"),
        ("iat_mean", "f8"),
        ("iat_m2", "f8"),
        ("iat_min", "i8"),
        ("iat_max", "i8"),
        ("psh", "i4"),
        ("urg", "i4"),
        ("rst", "i4"),
        ("fin", "i4"),
        ("again", "i4"),
        ("window", "i4"),
        ("bulk_size", "i8"),
        ("bulk_count", "i8"),
        ("bulks", "i8"),
        ("bulk_packets", "i8"),
        ("bulk_bytes", "i8"),
        ("bulk_us", "i8"),
        ("data", "i4"),
        ("unused", "i4", (3,)),
    ]
)
BULK = np.dtype(
    [("start", "i8"), ("last", "i8")]
)  # of the bulk that a direction is in, apart because packets of the other direction look too

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
        ("segments", "i4"),  # head of the list of TCP segments seen by the connection, -1 without
        ("segments_n", "i4"),  # of a flow on disk: how many segments, and where they stand
        ("iat_mean", "f8"),
        ("iat_m2", "f8"),
        ("iat_min", "i8"),
        ("iat_max", "i8"),
        ("fwd_bulk", BULK),
        ("bwd_bulk", BULK),
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
        ("fwd", DIRECTION),
        ("bwd", DIRECTION),
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
        ("segments_at", "i8"),
        ("unused", "i8"),
    ]
)

RECORD = np.dtype([("key", KEY), ("flow", FLOW)])  # as spilled to disk
RECORD_BYTES, KEY_BYTES, FLOW_BYTES = RECORD.itemsize, KEY.itemsize, FLOW.itemsize
FLOW_LINES = FLOW_BYTES // 64  # cache lines
FWD_AT, BWD_AT, ACTIVE_AT = (
    dict(FLOW.fields or {})[name][1] for name in ("fwd", "bwd", "active_n")
)  # bytes from the flow's beginning
SEGMENT = np.dtype(
    [
        ("connection", "i4"),
        ("tag", "i4"),
        ("chain", "i4"),
        ("sibling", "i4"),
        ("seq_ack", "i8"),
        ("size_side", "i8"),
    ]
)
# a first fragment: what it is known by, and the packet that its later ones belong to, which of a tunnel is another
FRAGMENT = np.dtype(
    [
        ("src_hi", "i8"),
        ("src_lo", "i8"),
        ("dst_hi", "i8"),
        ("dst_lo", "i8"),
        ("ident", "i8"),
        ("protocol", "i4"),
        ("version", "i4"),
        ("of_src_hi", "i8"),
        ("of_src_lo", "i8"),
        ("of_dst_hi", "i8"),
        ("of_dst_lo", "i8"),
        ("of_protocol", "i4"),
        ("of_version", "i4"),
        ("src_port", "i4"),
        ("dst_port", "i4"),
        ("begun", "i8"),  # the first eight bytes of a TCP header of which there are no more yet
        (
            "status",
            "i4",
        ),  # METERED, or SPLIT_HEADER while the header is not complete, or why nothing is known
        ("owed", "i4"),  # bytes of the header that the next fragments hold
        ("follows", "i8"),  # offset of the fragment that continues it, in units of eight bytes
    ]
)
N_FRAGMENTS = 1024

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
SPLIT_HEADER = 13
N_STATUS = 14

# link types that more than one step looks at; the numbers are tcpdump.org's
LINK_RADIO, LINK_RADIOTAP, LINK_PRISM, LINK_AVS = 105, 127, 119, 163
LINK_SLL, LINK_SLL2, LINK_PPI, LINK_PKTAP, LINK_OLD_PKTAP = 113, 276, 192, 258, 149
LINK_FRAME_RELAY = 107
LINK_SUBFRAME = 1 << 16  # not tcpdump.org's: a frame out of an 802.11 frame that aggregates several
MAY_AGGREGATE = (
    LINK_RADIO,
    LINK_RADIOTAP,
    LINK_PRISM,
    LINK_AVS,
    LINK_SLL,
    LINK_SLL2,
    LINK_PPI,
    LINK_PKTAP,
    LINK_OLD_PKTAP,
)

# where a frame's time comes from, and what a capture counts of it
TIME_CARRIED = 0  # the fraction of a second was a second or more
TIME_INHERITED = 1  # without a time of its own: that of the packet before
TIME_OWN = 2
N_TALLIES = 2
LATEST_US = 7_258_118_400_000_000  # year 2200: a later time stamp is damage, not a capture

# what a capture's packets tell of its order
OUT_OF_ORDER = 0  # how many are earlier than one before them; faulty times do not count
LATEST = 1  # the latest time so far
N_ORDER = 2

# columns of the table of a section's interfaces
INTERFACE_LINK = 0
INTERFACE_SNAP = 1
INTERFACE_TIMES = 2  # ticks times this, divided by that, are microseconds
INTERFACE_DIVISOR = 3
INTERFACE_SHIFT = 4  # or, unless below 0, ticks over two to this are seconds
INTERFACE_OFFSET_US = 5
N_INTERFACE = 6

# how a walk over a block of capture bytes ended
WALK_MORE = 0  # all complete records are walked
WALK_FULL = 1  # no room for further frames
WALK_SECTION = 2  # pcapng: a section header or an interface description, the caller reads it
WALK_BAD_LENGTH = 3
WALK_BAD_BLOCK = 4
WALK_BAD_INTERFACE = 5

# why meter_packets came back
METER_DONE = 0
METER_PLACES_FULL = 1
METER_OUTPUT_FULL = 2
METER_SEGMENTS_FULL = 3
METER_SLOTS_FULL = 4
METER_UNREADABLE = 5

# counters of a flow table
LIVE = 0
PEAK = 1
CREATED = 2
ORDER = 3
FREE_PLACES = 4
FINISHED = 5
FREE_SEGMENTS = 6
WANTED_SEGMENTS = 7
UNWRITTEN = 8
REASON = 9
EMITTED_PACKETS = 10  # of flows that are in the output
N_COUNTERS = 11

# temporary files of spilled flows
RECORDS = 0
SORT_WORDS = 1
PAIRS = 2
SEQUENCES = 3
N_FILES = 4

# a slot of the table of flows: the tag above, below it the flow's place plus one, or ON_DISK plus its place
# on disk; 0 when empty
ON_DISK = 1 << 31
NEVER = 1 << 62  # when a free place is due

# what rows are sorted by at the end: bits of Java's hash above, which insertion below
ORDER_BITS = 33
HASH_MASK = (1 << 30) - 1  # Java's HashMap has at most as many buckets

# flow logic (rules.logic)
ORIGINAL = 0
PAPER = 1
CORRECTED = 2
CLEAN = 3

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
OPEN, FIN_ONE, FIN_BOTH, READY = 0, 1, 2, 3
# bits of KEY["known"], those of the responder BWD_SHIFT higher
HAS_ISN = 1  # its initial sequence number
HAS_TALKED = 2  # it has sent a segment that is neither SYN nor RST
HAS_NEXT = 4  # next_seq
HAS_ACK = 8  # ack
WINDOW_SHUT = 16  # its latest window is 0
BWD_SHIFT = 8
SEQ_MASK = 0xFFFFFFFF
TCP, UDP, ICMP, ICMPV6, SCTP = 6, 17, 1, 58, 132

SECOND_US = 1_000_000
MAX_RECORD = 262_144  # libpcap's largest snapshot length
MAX_BLOCK = 16 * 1024 * 1024  # libpcap's largest pcapng block

# the first packets of a flow, where they are wanted: payload, time since the packet before, TCP flags of each
SEQUENCE_PACKETS = 32
PER_PACKET = 3
SEQUENCE_CELLS = PER_PACKET * SEQUENCE_PACKETS
SEQUENCE = np.dtype([("cells", "i4", (SEQUENCE_CELLS,))])
SEQUENCE_BYTES = SEQUENCE.itemsize

# room that callers give
N_VIEWS = 24  # columns of packets.py that describe_frames writes
FLOW_ID_BYTES = 128  # for the longest flow id
TEXT_PER_ROW = 96  # longest flow id: two addresses of 39, ports of 5, protocol of 3, four hyphens
