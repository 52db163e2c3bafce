"""D1, shaped like the IoT network intrusion dataset: 42 short captures of one flat, each with one activity
and benign background.

Two victims (a camera and a speaker), an attacker's laptop in the same wireless network, nine kinds of
activity.  File names, ports, the forged 111/8 and 222/8 networks and the form of the label rules are the
published ones; hardware addresses are invented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from iotids.testbed.attacks import arpspoof, floods, mirai, scans, services
from iotids.testbed.chance import happens, log_uniform, stream, weighted
from iotids.testbed.devices import act_at_random
from iotids.testbed.home import Home, make_servers
from iotids.testbed.hosts import (
    ANDROID,
    APPLE,
    CLOUD,
    LINUX_2_6,
    LINUX_3,
    LINUX_4,
    LINUX_5,
    LWIP,
    UCLINUX,
    WINDOWS_10,
    Host,
    local,
    remote,
)
from iotids.testbed.lan import Lan, Scene
from iotids.testbed.protocols import arp, http, rtsp, tls
from iotids.testbed.scenarios.capture_set import DAY_US, MINUTE_US, SECOND_US, Capture, at, scaled
from iotids.testbed.tape import Packet, Tape
from iotids.testbed.truthfiles import packet_filters as rules
from iotids.testbed.truthfiles.packet_filters import Rule
from iotids.testbed.wire import BROADCAST_MAC, ETHERTYPE_ARP

FIRST_CAPTURE = at("2019-05-20T02:10:00")
GATEWAY = local("gateway", "192.168.0.1", "02:d1:00:00:00:01", LINUX_3, delay_us=500)
CAMERA = local("camera", "192.168.0.13", "02:d1:00:00:00:13", LINUX_2_6, delay_us=3500)
SPEAKER = local("speaker", "192.168.0.24", "02:d1:00:00:00:24", LINUX_4, delay_us=4200)
ATTACKER = local("attacker", "192.168.0.15", "02:d1:00:00:00:15", LINUX_5, delay_us=1800)
LAPTOP = local("laptop", "192.168.0.16", "02:d1:00:00:00:16", WINDOWS_10, delay_us=1500)
PHONE = local("phone", "192.168.0.10", "02:d1:00:00:00:10", ANDROID, delay_us=6000)
TABLET = local("tablet", "192.168.0.11", "02:d1:00:00:00:11", APPLE, delay_us=5000)
PLUG = local("plug", "192.168.0.31", "02:d1:00:00:00:31", LWIP, delay_us=7000)
HUB = local("hub", "192.168.0.30", "02:d1:00:00:00:30", UCLINUX, delay_us=600)
FLOODED = remote("flooded", "203.0.113.250", CLOUD, delay_us=42_000)
RESIDENTS = (
    (CAMERA, "camera"),
    (SPEAKER, "speaker"),
    (LAPTOP, "laptop"),
    (PHONE, "phone"),
    (TABLET, "phone"),
    (PLUG, "plug"),
    (HUB, "hub"),
)
HOSTS = tuple(host for host, _ in RESIDENTS)
NETWORK = GATEWAY.address & 0xFFFFFF00
RTSP, SPEAKER_PORT = 554, 19604


@dataclass(frozen=True)
class Stage:
    """One capture while it is being made."""

    home: Home
    number: int
    start_us: int
    end_us: int
    scale: float

    @property
    def scene(self) -> Scene:
        """Return the benign scene."""
        return self.home.scene

    @property
    def rng(self) -> Random:
        """Return the random stream of this capture."""
        return self.home.rng

    @property
    def victim(self) -> Host:
        """Return the camera in the first half of the numbered captures and the speaker in the second."""
        return CAMERA if self.number <= 3 else SPEAKER

    @property
    def bot(self) -> Host:
        """Return the device from which the bot seems to act: camera and speaker in turn."""
        return CAMERA if self.number % 2 else SPEAKER

    def attack(self, category: str, activity: str) -> Scene:
        """Return the scene of an attack.

        Its hosts send ACK and FIN in one packet: the published rules name one direction only, and a flow
        meter that ends a flow at the first FIN would make a flow of its own from a victim's separate ACK and
        FIN, which those rules would call benign.
        """
        return replace(self.scene.labelled(category, activity), joint_fin=True)


Maker = Callable[[Stage, str], list[Rule]]


def captures(seed: int, scale: float) -> Iterator[tuple[Capture, list[Rule]]]:
    """Make the captures one after the other, each with the rules that tell its attack packets from the rest."""
    plan: tuple[tuple[str, int, Maker], ...] = (
        ("benign", 1, _benign),
        ("mitm-arpspoofing", 6, _mitm),
        ("dos-synflooding", 6, _dos),
        ("scan-hostport", 6, _host_port),
        ("scan-portos", 6, _port_os),
        ("mirai-udpflooding", 4, _udp),
        ("mirai-ackflooding", 4, _ack),
        ("mirai-httpflooding", 4, _http),
        ("mirai-hostbruteforce", 5, _brute_force),
    )
    place = 0
    for activity, count, make in plan:
        for number in range(1, count + 1):
            name = f"{activity}-{number}-dec.pcap" if count > 1 else f"{activity}-dec.pcap"
            place += 1
            stage = _set_up(
                seed, scale, name, number, FIRST_CAPTURE + place * (DAY_US // 3) + place * 7 * MINUTE_US
            )
            found = make(stage, name)
            yield Capture(name, stage.scene.lan.tape.in_order()), found


def _set_up(seed: int, scale: float, name: str, number: int, start_us: int) -> Stage:
    rng = stream(seed, "D1", name)
    tape = Tape()
    lan = Lan(GATEWAY, (*HOSTS, ATTACKER), tape, rng)
    home = Home(
        Scene(lan, rng, loss=0.02, disorder=0.01),
        GATEWAY,
        HOSTS,
        make_servers(stream(seed, "D1", "servers"), 24),
    )
    end_us = start_us + rng.randrange(150, 260) * SECOND_US
    stage = Stage(home, number, start_us, end_us, scale)
    # The rule for a bot's host discovery takes every ARP broadcast of that device, so camera and speaker do
    # not broadcast there.
    arp.chatter(
        home.scene,
        (*HOSTS, GATEWAY),
        start_us=start_us,
        end_us=end_us,
        mean_pause_us=9 * SECOND_US,
        broadcast="bruteforce" not in name,
    )
    act_at_random(home, RESIDENTS, start_us=start_us, end_us=end_us, times=scaled(1, scale))
    return stage


def _benign(stage: Stage, name: str) -> list[Rule]:
    """Twenty more things happen, among them the conversations that the spoofing captures divert."""
    act_at_random(
        stage.home, RESIDENTS, start_us=stage.start_us, end_us=stage.end_us, times=scaled(14, stage.scale)
    )
    for _ in range(scaled(3, stage.scale)):
        _camera_talk(stage, stage.scene, stage.rng.randrange(stage.start_us, stage.end_us))
        _speaker_talk(stage, stage.scene, stage.rng.randrange(stage.start_us, stage.end_us))
    return []


# -- ARP spoofing
# ------------------------------------------------------------------------------------------------------


def _camera_talk(stage: Stage, scene: Scene, at_us: int) -> int:
    """Let the laptop and the camera talk in one of the ways they always do."""
    rng = stage.rng
    kind = rng.randrange(4)
    if kind == 0:
        return rtsp.watch(scene, LAPTOP, CAMERA, at_us=at_us, frames=rng.randrange(3, 12), frame_bytes=1200)
    if kind == 1:
        return http.fetch(
            scene,
            LAPTOP,
            CAMERA,
            at_us=at_us,
            path="/snapshot.jpg",
            body_bytes=log_uniform(rng, 1500, 30_000),
        )
    if kind == 2:
        return tls.session(
            scene,
            LAPTOP,
            CAMERA,
            at_us=at_us,
            port=9020,
            turns=1 + rng.randrange(3),
            pause_us=log_uniform(rng, 1000, 2_000_000),
        )
    return http.fetch(
        scene,
        LAPTOP,
        CAMERA,
        at_us=at_us,
        path="/status",
        requests=1 + rng.randrange(3),
        pause_us=log_uniform(rng, 1000, 900_000),
    )


def _speaker_talk(stage: Stage, scene: Scene, at_us: int) -> int:
    """Let the speaker talk with its cloud."""
    rng = stage.rng
    server = stage.home.server_of(SPEAKER, rng.randrange(4))
    if happens(rng, 0.4):
        return http.fetch(
            scene, SPEAKER, server, at_us=at_us, body_bytes=log_uniform(rng, 300, 20_000), path="/v1/listen"
        )
    return tls.session(
        scene,
        SPEAKER,
        server,
        at_us=at_us,
        turns=1 + rng.randrange(3),
        down_bytes=log_uniform(rng, 200, 9000),
        pause_us=log_uniform(rng, 1000, 4_000_000),
    )


def _mitm(stage: Stage, name: str) -> list[Rule]:
    """The attacker sits between laptop and camera, or between the speaker and its gateway; before and after,
    they talk undisturbed.
    """
    rng = stage.rng
    between_hosts = stage.number <= 3
    victims = (CAMERA, LAPTOP) if between_hosts else (SPEAKER, GATEWAY)
    scene = stage.attack("MITM", "ARP Spoofing")
    third_us = (stage.end_us - stage.start_us) // 4
    begin_us, stop_us = stage.start_us + third_us, stage.end_us - third_us // 2
    # In some captures only one victim believes the lie, so only half of the conversation is diverted.
    halves = {2: (victims[0].address,), 6: (victims[0].address,)}
    fooled = halves.get(stage.number, (LAPTOP.address, CAMERA.address) if between_hosts else None)
    relay = arpspoof.Relay(
        ATTACKER, fooled, delay_us=log_uniform(rng, 150, 2500), lowers_ttl=stage.number != 3
    )
    arpspoof.poison(scene, ATTACKER, victims, start_us=begin_us, end_us=stop_us)
    diverted = replace(scene, lan=arpspoof.SpoofedLan(scene.lan, relay))
    talk = _camera_talk if between_hosts else _speaker_talk
    for _ in range(scaled(5 if between_hosts else 4, stage.scale)):
        talk(stage, diverted, rng.randrange(begin_us, stop_us))
    talk(stage, stage.scene, stage.start_us + rng.randrange(max(1, third_us - 20 * SECOND_US)))
    rule = (
        rules.spoofing_between(ATTACKER, CAMERA, LAPTOP)
        if between_hosts
        else rules.spoofing_around(ATTACKER, SPEAKER, GATEWAY)
    )
    return [Rule(name, rules.MITM, "ARP Spoofing", rule)]


# -- denial of service
# -------------------------------------------------------------------------------------------------


def _dos(stage: Stage, name: str) -> list[Rule]:
    """A flood of SYNs with forged sources; legitimate viewers keep trying meanwhile."""
    rng = stage.rng
    first_byte = 222 if stage.number <= 2 else 111
    port = RTSP if stage.victim is CAMERA else SPEAKER_PORT
    source = floods.ForgedSource(
        first_byte,
        ATTACKER.hardware,
        weighted(rng, ((2, 512), (1, 64), (1, 1024), (1, 5840))),
        happens(rng, 0.3),
    )
    floods.syn_flood(
        stage.attack("DOS", "SYN Flooding"),
        stage.victim,
        port,
        source,
        at_us=stage.start_us + 30 * SECOND_US,
        syns=scaled(500, stage.scale),
        answered=scaled(11, stage.scale),
        pause_us=log_uniform(rng, 1500, 9000),
    )
    if stage.victim is CAMERA:
        rtsp.watch(
            stage.scene, PHONE, CAMERA, at_us=stage.start_us + 33 * SECOND_US, frames=5, frame_bytes=900
        )
    return [Rule(name, rules.DOS, "SYN Flooding", rules.syn_flood(stage.victim, port, first_byte))]


# -- scanning
# ----------------------------------------------------------------------------------------------------------


def _sweep_hosts(stage: Stage, scene: Scene) -> int:
    alive = {host.address: host for host in (*HOSTS, GATEWAY)}
    octets = [*range(1, 255, 5), 10, 13, 15, 24, 30]
    return scans.arp_sweep(
        scene,
        ATTACKER,
        NETWORK,
        alive,
        at_us=stage.start_us + 12 * SECOND_US,
        last_octets=octets,
        pause_us=4000,
    )


def _scan_ports(stage: Stage, *, probes: int, at_us: int) -> int:
    """Scan ports by hand-made SYNs with nmap's window, some from a tool that leaves out the options."""
    rng, scene = stage.rng, stage.attack("SCANNING", "Port Scanning")
    tool = scans.NMAP if happens(rng, 0.7) else scans.MASSCAN
    for _ in range(probes):
        state = weighted(rng, ((6, scans.CLOSED), (2, scans.OPEN), (2, scans.SILENT)))
        scans.syn_probe(scene, ATTACKER, stage.victim, 1 + rng.randrange(9000), state, tool, at_us=at_us)
        at_us = scans.slow_down(scene, log_uniform(rng, 2000, 1_500_000), at_us)
    return at_us


def _host_port(stage: Stage, name: str) -> list[Rule]:
    """Who is there (by ARP), then which ports are open; later the attacker's laptop has harmless ARP
    questions again.
    """
    end_us = _sweep_hosts(stage, stage.attack("SCANNING", "Host Discovery"))
    end_us = _scan_ports(stage, probes=scaled(4, stage.scale), at_us=end_us + 3 * SECOND_US)
    scene = stage.scene
    for number in range(3):
        scene.ask_who_has(end_us + (5 + 20 * number) * SECOND_US, ATTACKER, GATEWAY.address, answer=GATEWAY)
    last = last_frame_of(scene.lan.tape.in_order(), "Host Discovery")
    return [
        Rule(name, rules.SCANNING, "Host Discovery", rules.arp_discovery(ATTACKER, last + 1)),
        Rule(name, rules.SCANNING, "Port Scanning", rules.port_scan(ATTACKER, stage.victim)),
    ]


def last_frame_of(packets: list[Packet], activity: str) -> int:
    """Return the number (from 1) of the last ARP broadcast that belongs to an activity."""
    numbers = [
        number
        for number, packet in enumerate(packets, start=1)
        if packet.label.activity == activity
        and packet.frame[:6] == BROADCAST_MAC
        and int.from_bytes(packet.frame[12:14], "big") == ETHERTYPE_ARP
    ]
    return max(numbers)


def _port_os(stage: Stage, name: str) -> list[Rule]:
    """Which ports are open, then which system and which services answer there."""
    rng = stage.rng
    at_us = _scan_ports(stage, probes=scaled(2, stage.scale), at_us=stage.start_us + 10 * SECOND_US)
    scene = stage.attack("SCANNING", "OS/Version Detection")
    port = RTSP if stage.victim is CAMERA else SPEAKER_PORT
    if stage.number in (1, 4):
        at_us = scans.os_probes(
            scene,
            ATTACKER,
            stage.victim,
            open_port=port,
            closed_port=1,
            at_us=at_us + SECOND_US,
            with_icmp=False,
        )
    for _ in range(scaled(2, stage.scale)):
        at_us = services.version_probe(
            scene,
            ATTACKER,
            stage.victim,
            weighted(rng, ((1, 80), (2, port), (1, 443))),
            at_us=at_us + SECOND_US,
        )
    return [
        Rule(name, rules.SCANNING, "Port Scanning", rules.port_scan(ATTACKER, stage.victim)),
        Rule(name, rules.SCANNING, "OS/Version Detection", rules.version_scan(ATTACKER, stage.victim)),
    ]


# -- Mirai
# -------------------------------------------------------------------------------------------------------------


def _flood_rule(name: str, kind: str) -> list[Rule]:
    return [Rule(name, rules.MIRAI, f"{kind} Flooding", rules.flood_towards(FLOODED))]


def _udp(stage: Stage, name: str) -> list[Rule]:
    floods.udp_flood(
        stage.attack("MIRAI", "UDP Flooding"),
        stage.bot,
        FLOODED,
        at_us=stage.start_us + 20 * SECOND_US,
        sockets=scaled(40, stage.scale),
        packets_each=12,
        size_bytes=weighted(stage.rng, ((3, 512), (1, 1400))),
        pause_us=log_uniform(stage.rng, 300, 9000),
    )
    return _flood_rule(name, "UDP")


def _ack(stage: Stage, name: str) -> list[Rule]:
    floods.ack_flood(
        stage.attack("MIRAI", "ACK Flooding"),
        stage.bot,
        FLOODED,
        at_us=stage.start_us + 20 * SECOND_US,
        sockets=scaled(13, stage.scale),
        packets_each=14,
        size_bytes=weighted(stage.rng, ((2, 512), (1, 0))),
        pause_us=log_uniform(stage.rng, 300, 9000),
    )
    return _flood_rule(name, "ACK")


def _http(stage: Stage, name: str) -> list[Rule]:
    floods.http_flood(
        stage.attack("MIRAI", "HTTP Flooding"),
        stage.bot,
        FLOODED,
        at_us=stage.start_us + 20 * SECOND_US,
        connections=scaled(8, stage.scale),
        pause_us=log_uniform(stage.rng, 4000, 300_000),
    )
    return _flood_rule(name, "HTTP")


def _brute_force(stage: Stage, name: str) -> list[Rule]:
    """The bot looks for neighbours by ARP and tries log-ins at those that answer."""
    rng, bot = stage.rng, stage.bot
    alive = {host.address: host for host in (*HOSTS, GATEWAY) if host is not bot}
    discovery = stage.attack("MIRAI", "Host Discovery")
    at_us = scans.arp_sweep(
        discovery,
        bot,
        NETWORK,
        alive,
        at_us=stage.start_us + 5 * SECOND_US,
        last_octets=range(1, 40),
        pause_us=9000,
    )
    scene = stage.attack("MIRAI", "Telnet Bruteforce")
    for _ in range(scaled(7, stage.scale)):
        target = weighted(rng, ((1, GATEWAY), (1, HUB), (1, PLUG), (1, LAPTOP)))
        outcome = weighted(rng, ((3, mirai.REFUSED), (2, mirai.REPEATED), (5, mirai.ANSWERED)))
        scanner = mirai.Bot(bot, 1024 + rng.randrange(60_000), rng.getrandbits(16), ports=((1, 23),))
        at_us = mirai.scan_one(scene, scanner, target, outcome, at_us=at_us + rng.randrange(400_000))
        if outcome == mirai.ANSWERED:
            at_us = mirai.break_in(
                scene,
                bot,
                target,
                at_us=at_us + 50_000,
                tries=2 + rng.randrange(3),
                succeeds=happens(rng, 0.1),
            )
    return [
        Rule(name, rules.MIRAI, "Host Discovery", rules.bot_discovery(bot)),
        Rule(name, rules.MIRAI, "Telnet Bruteforce", rules.telnet_from(bot)),
    ]
