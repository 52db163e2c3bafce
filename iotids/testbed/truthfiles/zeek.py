"""D4's ground truth: a labelled conn.log as Zeek would have written it for the same packets.

A small re-telling of Zeek's connection tracking: a connection begins with the first packet of its five-tuple,
belongs to the side that sent it, and ends when nothing more is expected.  The time-outs are Zeek's defaults;
the important one is the five seconds after which an unanswered attempt is given up, so that one `connect`
call with its repeated SYNs becomes several rows.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from iotids.testbed.tape import BENIGN, Label, Packet
from iotids.testbed.wire import ACK, ETHERTYPE_IPV4, FIN, ICMP, RST, SYN, TCP, UDP, ip_text

ATTEMPT_US = 5_000_000  # tcp_attempt_delay: from the first SYN on
CLOSE_US = 5_000_000  # tcp_close_delay: after both FINs
RESET_US = 100_000  # tcp_reset_delay: after a RST
TCP_SILENCE_US = 300_000_000  # tcp_inactivity_timeout
UDP_SILENCE_US = 60_000_000  # udp_inactivity_timeout, also for ICMP
PROTOCOLS = {ICMP: "icmp", TCP: "tcp", UDP: "udp"}
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FIELDS = (
    "ts",
    "uid",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "proto",
    "service",
    "duration",
    "orig_bytes",
    "resp_bytes",
    "conn_state",
    "local_orig",
    "local_resp",
    "missed_bytes",
    "history",
    "orig_pkts",
    "orig_ip_bytes",
    "resp_pkts",
    "resp_ip_bytes",
)
TYPES = (
    "time",
    "string",
    "addr",
    "port",
    "addr",
    "port",
    "enum",
    "string",
    "interval",
    "count",
    "count",
    "string",
    "bool",
    "bool",
    "count",
    "string",
    "count",
    "count",
    "count",
    "count",
)
THREE_SPACES = "   "  # the original files separate the last three columns like this and not by a tab
Ends = tuple[int, int, int, int, int]


@dataclass
class Connection:
    """One row in the making.  Index 0 of every pair is the originator, 1 the responder."""

    ends: Ends  # source, source port, destination, destination port, protocol
    start_us: int
    label: Label
    last_us: int = 0
    packets: list[int] = field(default_factory=lambda: [0, 0])
    ip_bytes: list[int] = field(default_factory=lambda: [0, 0])
    payload_bytes: list[int] = field(default_factory=lambda: [0, 0])
    history: str = ""
    service: str = "-"
    syn: bool = False
    syn_ack: bool = False
    fins: list[bool] = field(default_factory=lambda: [False, False])
    reset_by: int | None = None
    next_seq: list[int | None] = field(default_factory=lambda: [None, None])

    def is_over(self, time_us: int) -> bool:
        """Say whether a packet at this time would begin a new connection."""
        silence_us = time_us - self.last_us
        if self.ends[4] != TCP:
            return silence_us > UDP_SILENCE_US
        if self.reset_by is not None:
            return silence_us > RESET_US
        if all(self.fins):
            return silence_us > CLOSE_US
        if self.syn and not self.packets[1]:
            return time_us - self.start_us > ATTEMPT_US
        return silence_us > TCP_SILENCE_US

    def state(self) -> str:
        """Return Zeek's name for how the connection went."""
        if self.ends[4] != TCP:
            return "SF" if self.packets[1] else "S0"
        if not self.syn:
            return (
                "RSTRH"
                if self.syn_ack and self.reset_by == 1
                else "SHR"
                if self.syn_ack and self.fins[1]
                else "OTH"
            )
        if not self.syn_ack:
            return {0: "RSTOS0", 1: "REJ", None: "SH" if self.fins[0] else "S0"}[self.reset_by]
        if self.reset_by is not None:
            return "RSTO" if self.reset_by == 0 else "RSTR"
        return {(False, False): "S1", (True, False): "S2", (False, True): "S3", (True, True): "SF"}[
            (self.fins[0], self.fins[1])
        ]


def connections(packets: Iterable[Packet]) -> list[Connection]:
    """Group packets, which must be in time order, into connections in the order of their first packets."""
    alive: dict[Ends, Connection] = {}
    done: list[Connection] = []
    for packet in packets:
        parsed = _five_tuple(packet.frame)
        if parsed is None:
            continue
        ends = parsed
        turned = (ends[2], ends[3], ends[0], ends[1], ends[4])
        side = 1 if turned in alive and ends not in alive else 0
        key = turned if side else ends
        connection = alive.get(key)
        if connection is None or connection.is_over(packet.time_us):
            alive.pop(key, None)
            key, side = ends, 0
            connection = alive[key] = Connection(ends, packet.time_us, packet.label)
            done.append(connection)
        _add(connection, side, packet)
    return done


def _five_tuple(frame: bytes) -> Ends | None:
    if int.from_bytes(frame[12:14], "big") != ETHERTYPE_IPV4 or frame[23] not in PROTOCOLS:
        return None
    src, dst = struct.unpack_from("!II", frame, 26)
    if frame[23] == ICMP:
        return src, frame[34], dst, frame[35], ICMP
    src_port, dst_port = struct.unpack_from("!HH", frame, 34)
    return src, src_port, dst, dst_port, frame[23]


def _add(connection: Connection, side: int, packet: Packet) -> None:
    """Count a packet and write its letter into the history."""
    frame = packet.frame
    length = int.from_bytes(frame[16:18], "big")
    connection.last_us = packet.time_us
    connection.packets[side] += 1
    connection.ip_bytes[side] += length
    if packet.label != BENIGN:
        connection.label = packet.label
    if connection.ends[4] == TCP:
        _add_tcp(connection, side, frame, length)
        return
    size = length - 28
    connection.payload_bytes[side] += size
    _note(connection, side, "d")
    if 53 in (connection.ends[1], connection.ends[3]):
        connection.service = "dns"


def _add_tcp(connection: Connection, side: int, frame: bytes, length: int) -> None:
    seq, flags = int.from_bytes(frame[38:42], "big"), frame[47]
    start = 14 + 20 + (frame[46] >> 4) * 4
    size = length - (start - 14)
    if flags & SYN:
        connection.syn |= not flags & ACK and side == 0
        connection.syn_ack |= bool(flags & ACK)
        _note(connection, side, "h" if flags & ACK else "s")
    is_new = (
        connection.next_seq[side] is None or ((seq - (connection.next_seq[side] or 0)) & 0xFFFFFFFF) < 1 << 31
    )
    if size and is_new:
        connection.payload_bytes[side] += size
        _note(connection, side, "d")
        connection.next_seq[side] = seq + size & 0xFFFFFFFF
        _recognise(connection, frame[start : start + 8])
    elif size:
        _note(connection, side, "t")
    elif flags & ACK and not flags & (SYN | FIN | RST):
        _note(connection, side, "a")
    if flags & FIN:
        connection.fins[side] = True
        _note(connection, side, "f")
    if flags & RST:
        connection.reset_by = side if connection.reset_by is None else connection.reset_by
        _note(connection, side, "r")


def _note(connection: Connection, side: int, letter: str) -> None:
    letter = letter if side else letter.upper()
    if letter not in connection.history:
        connection.history += letter


def _recognise(connection: Connection, beginning: bytes) -> None:
    if beginning.startswith((b"GET ", b"POST ", b"HTTP/")):
        connection.service = "http"
    elif beginning.startswith((b"NICK ", b":irc")):
        connection.service = "irc"
    elif beginning.startswith(b"\x16\x03"):
        connection.service = "ssl"


def row(connection: Connection, uid: str, benign_word: str) -> str:
    """Return the line of the log; a lone packet has no duration and no byte counts, as in Zeek."""
    src, src_port, dst, dst_port, protocol = connection.ends
    lone = sum(connection.packets) == 1
    span_us = connection.last_us - connection.start_us
    label, detail = (
        ("Malicious", connection.label.activity) if connection.label.is_attack else (benign_word, "-")
    )
    values = (
        _seconds(connection.start_us),
        uid,
        ip_text(src),
        src_port,
        ip_text(dst),
        dst_port,
        PROTOCOLS[protocol],
        connection.service,
        "-" if lone else _seconds(span_us),
        *(["-", "-"] if lone else connection.payload_bytes),
        connection.state(),
        "-",
        "-",
        0,
        connection.history,
        connection.packets[0],
        connection.ip_bytes[0],
        connection.packets[1],
        connection.ip_bytes[1],
        THREE_SPACES.join(("-", label, detail)),
    )
    return "\t".join(str(value) for value in values)


def _seconds(time_us: int) -> str:
    return f"{time_us // 1_000_000}.{time_us % 1_000_000:06d}"


def write_conn_log(
    packets: Sequence[Packet],
    path: Path,
    rng: Random,
    *,
    opened: str,
    benign_word: str = "Benign",
    closed: str | None = None,
) -> int:
    """Write conn.log.labeled for these packets and return the number of rows.

    Parameters
    ----------
    opened, closed
        Texts for the ``#open`` and ``#close`` lines; some of the published files have no ``#close`` line.
    benign_word
        ``Benign`` or ``benign``: the published files do not agree.
    """
    last = THREE_SPACES.join(("tunnel_parents", "label", "detailed-label"))
    last_type = THREE_SPACES.join(("set[string]", "string", "string"))
    lines = [
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        "#path\tconn",
        f"#open\t{opened}",
        "\t".join(("#fields", *FIELDS, last)),
        "\t".join(("#types", *TYPES, last_type)),
    ]
    found = connections(packets)
    for connection in found:
        uid = "C" + "".join(BASE62[rng.randrange(62)] for _ in range(17))
        lines.append(row(connection, uid, benign_word))
    if closed is not None:
        lines.append(f"#close\t{closed}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join(lines).encode() + (b"" if closed is None else b"\n"))
    return len(found)
