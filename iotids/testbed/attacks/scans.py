"""Scans: who is there, which ports are open, which operating system, which service; fast and slow, raw and
with full connections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from iotids.testbed.attacks.forged import refusal, segment
from iotids.testbed.chance import around, happens, log_uniform, weighted
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.tcp import CLIENT, TcpConversation
from iotids.testbed.tcp_options import syn_options
from iotids.testbed.udp import datagram, ping, port_unreachable
from iotids.testbed.wire import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG

CLOSED, OPEN, SILENT = "closed", "open", "silent"


@dataclass(frozen=True)
class SynTool:
    """The mark of a raw SYN scanner: window field, options, and how often a silent port is asked again from
    the same port.
    """

    window: int
    layout: str = "mss"
    repeats: int = 1
    repeat_us: int = 1_000_000


NMAP = SynTool(1024)
HPING = SynTool(512, "none", repeats=2)
MASSCAN = SynTool(1024, "none", repeats=1, repeat_us=3_000_000)


def arp_sweep(
    scene: Scene,
    scanner: Host,
    network: int,
    alive: dict[int, Host],
    *,
    at_us: int,
    last_octets: Sequence[int],
    pause_us: int,
) -> int:
    """Ask for every address of a network by ARP; silent addresses are asked twice."""
    for octet in last_octets:
        address = network | octet
        if address == scanner.address:
            continue
        scene.ask_who_has(at_us, scanner, address, answer=alive.get(address))
        if address not in alive:
            scene.ask_who_has(at_us + around(scene.rng, 500_000, 0.3), scanner, address, answer=None)
        at_us += around(scene.rng, pause_us, 0.6)
    return at_us


def syn_probe(
    scene: Scene, scanner: Host, target: Host, port: int, state: str, tool: SynTool, *, at_us: int
) -> int:
    """Send one hand-made SYN; a closed port refuses, an open one answers and is hung up on, a silent one is
    asked again.
    """
    rng = scene.rng
    src_port, seq = 33_000 + rng.randrange(32_000), rng.getrandbits(32)
    options = syn_options(tool.layout, mss=1460, shift=0, own_time=0)
    for number in range(1 if state != SILENT else 1 + tool.repeats):
        segment(
            scene,
            scanner,
            target,
            src_port=src_port,
            dst_port=port,
            flags=SYN,
            seq=seq,
            window=tool.window,
            at_us=at_us + number * around(rng, tool.repeat_us, 0.05),
            options=options,
        )
    reply_us = at_us + 20 + around(rng, target.delay_us, 0.5)
    if state == CLOSED:
        refusal(scene, target, scanner, refuser_port=port, asker_port=src_port, ack=seq + 1, at_us=reply_us)
    if state == OPEN:
        segment(
            scene,
            target,
            scanner,
            src_port=port,
            dst_port=src_port,
            flags=SYN | ACK,
            seq=rng.getrandbits(32),
            ack=seq + 1,
            window=target.stack.syn_ack_window,
            at_us=reply_us,
            ident=0,
            dont_fragment=True,
            options=syn_options("mss", mss=target.stack.mss, shift=0, own_time=0),
        )
        segment(
            scene,
            scanner,
            target,
            src_port=src_port,
            dst_port=port,
            flags=RST,
            seq=seq + 1,
            window=0,
            at_us=reply_us + 30 + rng.randrange(200),
            ident=0,
            dont_fragment=True,
        )
    return reply_us


def connect_probe(scene: Scene, scanner: Host, target: Host, port: int, state: str, *, at_us: int) -> int:
    """Probe with the scanner's ordinary connect call: the packets are those of any program."""
    talk = TcpConversation(scene, scanner, target, port, at_us=at_us)
    if state == CLOSED:
        talk.attempt(retries=0, refused=True)
    elif state == SILENT:
        talk.attempt(retries=weighted(scene.rng, ((3, 1), (3, 2), (1, 3))))
    else:
        talk.connect().pause(scene.rng.randrange(40, 4000))
        talk.close(
            CLIENT, style=weighted(scene.rng, ((5, "reset"), (2, "four"), (2, "three"), (1, "vanish")))
        )
    return talk.now_us


def udp_probe(
    scene: Scene,
    scanner: Host,
    target: Host,
    port: int,
    state: str,
    *,
    at_us: int,
    question: bytes = b"",
    answer: bytes = b"",
) -> int:
    """Send a datagram twice or more; a closed port complains by ICMP, an open one may answer."""
    rng = scene.rng
    src_port = 33_000 + rng.randrange(32_000)
    for _ in range(1 if state == OPEN and answer else 2 + rng.randrange(2)):
        packet = datagram(
            scene, scanner, target.address, src_port=src_port, dst_port=port, payload=question, at_us=at_us
        )
        reply_us = at_us + 20 + around(rng, target.delay_us, 0.5)
        if state == OPEN and answer:
            datagram(
                scene,
                target,
                scanner.address,
                src_port=port,
                dst_port=src_port,
                payload=answer,
                at_us=reply_us,
            )
        elif state == CLOSED:
            port_unreachable(scene, target, scanner.address, packet, at_us=reply_us)
        at_us += around(rng, 900_000, 0.3)
    return at_us


# nmap's second-generation probes: flags, window, and whether they go to an open port.
OS_PROBES = (
    ("ECN", SYN | ECE | CWR, 3, True),
    ("T2", 0, 128, True),
    ("T3", SYN | FIN | URG | PSH, 256, True),
    ("T4", ACK, 1024, True),
    ("T5", SYN, 31337, False),
    ("T6", ACK, 32768, False),
    ("T7", FIN | PSH | URG, 65535, False),
)
SEQUENCE_WINDOWS = (1, 63, 4, 4, 16, 512)


def os_probes(
    scene: Scene,
    scanner: Host,
    target: Host,
    *,
    open_port: int,
    closed_port: int,
    at_us: int,
    with_icmp: bool = True,
) -> int:
    """Send nmap's operating-system probes: six SYNs to an open port, odd flag combinations, echo requests,
    UDP to a closed port.

    `with_icmp` False leaves out the probes that are or cause ICMP, which D1's published rules leave without a
    label.
    """
    rng = scene.rng
    options = syn_options("linux", mss=265, shift=10, own_time=0xFFFFFFFF)
    base_port, seq = 33_000 + rng.randrange(30_000), rng.getrandbits(31)
    for number, window in enumerate(SEQUENCE_WINDOWS):
        _odd_probe(
            scene,
            scanner,
            target,
            base_port + number,
            open_port,
            SYN,
            window,
            seq + number,
            options,
            at_us,
            is_open=True,
        )
        at_us += 100_000 + rng.randrange(4000)
    if with_icmp:
        at_us = ping(
            scene,
            scanner,
            target,
            times=2,
            at_us=at_us,
            ident=rng.getrandbits(16),
            size_bytes=120,
            interval_us=30_000,
        )
    for number, (_, flags, window, to_open) in enumerate(OS_PROBES, start=len(SEQUENCE_WINDOWS)):
        port = open_port if to_open else closed_port
        for repeat in range(2 if flags in (0, SYN | FIN | URG | PSH) else 1):
            _odd_probe(
                scene,
                scanner,
                target,
                base_port + number,
                port,
                flags,
                window,
                seq + number,
                options,
                at_us + repeat * 110_000,
                is_open=to_open,
            )
        at_us += 26_000 + rng.randrange(3000)
    return (
        udp_probe(scene, scanner, target, closed_port, CLOSED, at_us=at_us, question=b"C" * 300)
        if with_icmp
        else at_us
    )


def _odd_probe(
    scene: Scene,
    scanner: Host,
    target: Host,
    src_port: int,
    dst_port: int,
    flags: int,
    window: int,
    seq: int,
    options: bytes,
    at_us: int,
    *,
    is_open: bool,
) -> None:
    """Send one probe and what a Linux target answers: SYN-ACK and a RST back, RST, or nothing."""
    segment(
        scene,
        scanner,
        target,
        src_port=src_port,
        dst_port=dst_port,
        flags=flags,
        seq=seq,
        ack=seq if flags & ACK else 0,
        window=window,
        at_us=at_us,
        options=options,
        urgent=63477 if flags & CWR else 0,
    )
    reply_us = at_us + 20 + around(scene.rng, target.delay_us, 0.5)
    if is_open and flags & SYN and not flags & FIN:
        segment(
            scene,
            target,
            scanner,
            src_port=dst_port,
            dst_port=src_port,
            flags=SYN | ACK,
            seq=scene.rng.getrandbits(32),
            ack=seq + 1,
            window=target.stack.syn_ack_window,
            at_us=reply_us,
            ident=0,
            dont_fragment=True,
            options=syn_options(
                "linux",
                mss=target.stack.mss,
                shift=target.stack.window_shift,
                own_time=scene.rng.getrandbits(31),
            ),
        )
        segment(
            scene,
            scanner,
            target,
            src_port=src_port,
            dst_port=dst_port,
            flags=RST,
            seq=seq + 1,
            window=0,
            at_us=reply_us + 50,
            ident=0,
        )
    elif not is_open or flags & ACK:
        refusal(
            scene, target, scanner, refuser_port=dst_port, asker_port=src_port, ack=seq + 1, at_us=reply_us
        )


def slow_down(scene: Scene, pause_us: int, at_us: int) -> int:
    """Return when the next probe goes out: mostly at the pace of the scan, sometimes after a long rest."""
    if happens(scene.rng, 0.01):
        return at_us + log_uniform(scene.rng, 1_000_000, 12_000_000)
    return at_us + around(scene.rng, pause_us, 0.9)
