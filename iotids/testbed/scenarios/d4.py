"""D4, shaped like the Mirai part of IoT-23: six captures of one infected device each, between it and its
gateway.

Each infection has its own temper: one mainly polls its control server, one scans, one floods, one breaks in.
The infected host's own NTP and DNS stay benign.  Names have the published form `<scenario>/<date>-<infected
address>.pcap`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from iotids.testbed import habits
from iotids.testbed.attacks import floods, mirai
from iotids.testbed.chance import around, happens, log_uniform, stream, waiting, weighted
from iotids.testbed.home import Home, make_servers
from iotids.testbed.hosts import (
    ANDROID,
    CLOUD,
    LINUX_2_6,
    LINUX_3,
    LINUX_4,
    LWIP,
    UCLINUX,
    WINDOWS_7,
    Host,
    Stack,
    local,
    remote,
)
from iotids.testbed.lan import Lan, Scene
from iotids.testbed.protocols import arp
from iotids.testbed.scenarios.capture_set import SECOND_US, Capture, at, scaled
from iotids.testbed.tape import Packet, Tape
from iotids.testbed.wire import ip

# Scanned addresses come from the benchmark range and the shared address space (RFC 2544, RFC 6598): nobody
# owns them.
SCANNED_RANGES = ((ip("198.18.0.0"), 17), (ip("100.64.0.0"), 22))
TARGET_STACKS: tuple[tuple[float, Stack], ...] = (
    (4, LINUX_2_6),
    (3, LINUX_3),
    (2, LWIP),
    (2, UCLINUX),
    (1, WINDOWS_7),
    (1, ANDROID),
)
CONTROL = remote("control", "198.51.100.235", CLOUD, delay_us=38_000, hops=14)
LOADER = remote("loader", "203.0.113.201", LINUX_3, delay_us=95_000, hops=12)
VICTIMS = tuple(
    remote(f"flooded {number}", f"192.0.2.{60 + number}", CLOUD, delay_us=delay_us)
    for number, delay_us in enumerate((18_000, 60_000, 140_000, 210_000))
)


@dataclass(frozen=True)
class Infection:
    """One capture: who is infected and how often the bot does what."""

    name: str
    start: str
    address: str
    stack: Stack
    control_port: int
    scan_window: int  # the window field of the scanner's SYNs, the same for a whole run
    knocks: int  # attempts to reach a control server that is down
    chats: int = 0  # short IRC-like sessions
    touches: int = 0  # long keep-alive sessions
    scans: int = 0
    break_ins: int = 0
    udp_sockets: int = 0
    ack_sockets: int = 0
    syn_sockets: int = 0
    http_connections: int = 0
    clock_checks: int = 40  # benign
    connects: bool = False
    ports: tuple[tuple[float, int], ...] = ((9, 23), (1, 2323))
    benign_word: str = "Benign"
    closed: bool = False


INFECTIONS = (
    Infection(
        "CTU-IoT-Malware-Capture-34-1",
        "2018-12-21T15:50:14",
        "192.168.1.195",
        LINUX_4,
        control_port=6667,
        scan_window=29200,
        knocks=690,
        chats=370,
        touches=10,
        scans=150,
        break_ins=10,
        udp_sockets=120,
        ack_sockets=40,
        syn_sockets=40,
        http_connections=20,
        clock_checks=90,
    ),
    Infection(
        "CTU-IoT-Malware-Capture-43-1",
        "2019-01-10T19:22:51",
        "192.168.1.198",
        LINUX_3,
        control_port=23,
        scan_window=14600,
        knocks=260,
        touches=40,
        scans=1850,
        break_ins=66,
        udp_sockets=60,
        ack_sockets=30,
        syn_sockets=120,
        closed=True,
    ),
    Infection(
        "CTU-IoT-Malware-Capture-44-1",
        "2019-01-10T21:06:26",
        "192.168.1.199",
        LINUX_4,
        control_port=1312,
        scan_window=5840,
        knocks=30,
        touches=14,
        udp_sockets=90,
        ack_sockets=110,
        syn_sockets=150,
        http_connections=60,
        clock_checks=20,
        benign_word="benign",
    ),
    Infection(
        "CTU-IoT-Malware-Capture-48-1",
        "2019-02-28T19:15:13",
        "192.168.1.200",
        LINUX_2_6,
        control_port=9375,
        scan_window=40211,
        knocks=190,
        chats=40,
        touches=30,
        scans=1270,
        break_ins=245,
        udp_sockets=30,
        benign_word="benign",
        closed=True,
    ),
    Infection(
        "CTU-IoT-Malware-Capture-49-1",
        "2019-02-28T20:50:15",
        "192.168.1.193",
        LINUX_3,
        control_port=55650,
        scan_window=1024,
        knocks=160,
        touches=26,
        scans=1450,
        break_ins=48,
        udp_sockets=40,
        ack_sockets=20,
        syn_sockets=60,
        http_connections=160,
        ports=((3, 23), (2, 80), (2, 8080), (1, 5555), (1, 49152)),
    ),
    Infection(
        "CTU-IoT-Malware-Capture-52-1",
        "2019-03-08T13:24:30",
        "192.168.1.197",
        LINUX_4,
        control_port=4554,
        scan_window=29200,
        knocks=120,
        chats=60,
        touches=16,
        scans=1000,
        break_ins=38,
        udp_sockets=40,
        ack_sockets=10,
        syn_sockets=30,
        http_connections=40,
        connects=True,
        ports=((3, 23), (2, 22), (2, 80), (1, 37215)),
        closed=True,
    ),
)
GATEWAY = local("gateway", "192.168.1.1", "02:d4:00:00:00:01", LINUX_3, delay_us=450)
LENGTH_US = 6 * 3600 * SECOND_US


def captures(seed: int, scale: float) -> Iterator[tuple[Capture, Infection]]:
    """Make the captures one after the other."""
    for infection in INFECTIONS:
        name = (
            f"{infection.name}/{infection.start.replace('T', '-').replace(':', '-')}-{infection.address}.pcap"
        )
        yield Capture(name, _make(infection, seed, scale)), infection


@dataclass(frozen=True)
class _Run:
    """One infection while it is being played."""

    infection: Infection
    host: Host
    bot: mirai.Bot
    home: Home
    start_us: int
    scale: float

    def moments(self, count: int) -> Iterator[int]:
        """Yield that many moments of the capture, in no order."""
        for _ in range(scaled(count, self.scale) if count else 0):
            yield self.start_us + self.home.rng.randrange(LENGTH_US)

    def scene(self, activity: str) -> Scene:
        """Return the scene for one of the malicious activities, named as in IoT-23."""
        return self.home.scene.labelled("MIRAI", activity)


def _make(infection: Infection, seed: int, scale: float) -> list[Packet]:
    rng = stream(seed, "D4", infection.name)
    host = local(
        "infected",
        infection.address,
        "02:d4:00:00:00:" + infection.address.rsplit(".", 1)[1].zfill(3)[1:],
        infection.stack,
        delay_us=900,
    )
    tape = Tape()
    scene = Scene(Lan(GATEWAY, (host,), tape, rng), rng, loss=0.008, disorder=0.003)
    home = Home(scene, GATEWAY, (host, GATEWAY), make_servers(stream(seed, "D4", "servers"), 12))
    bot = mirai.Bot(
        host, 1024 + rng.randrange(60_000), infection.scan_window, infection.ports, infection.connects
    )
    run = _Run(infection, host, bot, home, at(infection.start), scale)
    _command_and_control(run)
    _scan_and_break_in(run)
    _flood(run)
    _own_needs(run)
    return tape.in_order()


def _command_and_control(run: _Run) -> None:
    """Poll the control server: mostly it is down, sometimes it talks."""
    infection, rng, scene = run.infection, run.home.rng, run.scene("C&C")
    at_us = run.start_us + 20 * SECOND_US
    for _ in range(scaled(infection.knocks, run.scale)):
        at_us = mirai.knock_at_control(
            scene, run.host, CONTROL, infection.control_port, at_us=at_us
        ) + around(rng, 6 * SECOND_US, 0.6)
    for moment in run.moments(infection.chats):
        mirai.chat_with_control(scene, run.host, CONTROL, infection.control_port, at_us=moment)
    beating = run.scene("C&C-HeartBeat")
    for moment in run.moments(infection.touches):
        mirai.stay_in_touch(
            beating,
            run.host,
            CONTROL,
            infection.control_port,
            at_us=moment,
            beats=2 + rng.randrange(14),
            beat_us=weighted(rng, ((3, 60_000_000), (1, 30_000_000), (1, 10_000_000))),
        )


def _random_target(rng: Random) -> Host:
    network, bits = SCANNED_RANGES[rng.randrange(2)]
    return Host(
        f"dev{rng.randrange(90)}",
        network + rng.getrandbits(bits),
        weighted(rng, TARGET_STACKS),
        b"",
        log_uniform(rng, 15_000, 350_000),
        8 + rng.randrange(12),
    )


def _scan_and_break_in(run: _Run) -> None:
    """Scan at random; where telnet answers, try the dictionary."""
    infection, rng, scene = run.infection, run.home.rng, run.scene("PartOfAHorizontalPortScan")
    at_us = run.start_us + 60 * SECOND_US
    pause_us = (LENGTH_US - 600 * SECOND_US) / max(1, scaled(infection.scans, run.scale))
    for _ in range(scaled(infection.scans, run.scale) if infection.scans else 0):
        outcome = weighted(
            rng, ((15, mirai.ALONE), (22, mirai.REPEATED), (50, mirai.REFUSED), (13, mirai.ANSWERED))
        )
        mirai.scan_one(scene, run.bot, _random_target(rng), outcome, at_us=at_us)
        at_us += waiting(rng, pause_us)
    attack = run.scene("Attack")
    for moment in run.moments(infection.break_ins):
        mirai.break_in(
            attack,
            run.host,
            _random_target(rng),
            at_us=moment,
            tries=1 + rng.randrange(5),
            succeeds=happens(rng, 0.06),
        )
    for moment in run.moments(3):
        mirai.download(run.scene("FileDownload"), run.host, LOADER, at_us=moment)


def _flood(run: _Run) -> None:
    """Carry out the orders: floods of four kinds, each against one victim, each in a few bursts."""
    infection, rng, scene = run.infection, run.home.rng, run.scene("DDoS")
    for victim in VICTIMS[:2]:
        moment = run.start_us + rng.randrange(LENGTH_US)
        if infection.udp_sockets:
            floods.udp_flood(
                scene,
                run.host,
                victim,
                at_us=moment,
                sockets=scaled(infection.udp_sockets // 2, run.scale),
                packets_each=7,
                size_bytes=weighted(rng, ((3, 512), (1, 1400), (1, 160))),
                pause_us=log_uniform(rng, 200, 20_000),
            )
    for victim in VICTIMS[2:]:
        moment = run.start_us + rng.randrange(LENGTH_US)
        if infection.ack_sockets:
            floods.ack_flood(
                scene,
                run.host,
                victim,
                at_us=moment,
                sockets=scaled(infection.ack_sockets // 2, run.scale),
                packets_each=7,
                size_bytes=weighted(rng, ((2, 512), (2, 0))),
                pause_us=log_uniform(rng, 200, 20_000),
            )
        if infection.syn_sockets:
            floods.bot_syn_flood(
                scene,
                run.host,
                victim,
                weighted(rng, ((2, 80), (1, 443))),
                at_us=moment + 400 * SECOND_US,
                sockets=scaled(infection.syn_sockets // 2, run.scale),
                pause_us=log_uniform(rng, 500, 50_000),
            )
        if infection.http_connections:
            floods.http_flood(
                scene,
                run.host,
                victim,
                at_us=moment + 900 * SECOND_US,
                connections=scaled(infection.http_connections // 2, run.scale),
                pause_us=log_uniform(rng, 4000, 400_000),
            )


def _own_needs(run: _Run) -> None:
    """The device also does what it was built for: clock, name service, its cloud; ARP only by unicast."""
    infection, rng = run.infection, run.home.rng
    for moment in run.moments(infection.clock_checks):
        habits.set_clock(run.home, run.host, moment)
    for moment in run.moments(infection.clock_checks // 2):
        habits.look_up(run.home, run.host, moment)
    for moment in run.moments(infection.clock_checks // 6):
        weighted(rng, ((3, habits.talk_to_cloud), (1, habits.burst_requests)))(run.home, run.host, moment)
    arp.chatter(
        run.home.scene,
        (run.host, GATEWAY),
        start_us=run.start_us,
        end_us=run.start_us + LENGTH_US,
        mean_pause_us=300 * SECOND_US,
        broadcast=False,
    )
