"""D2, shaped like the scanning part of Bot-IoT: four Kali machines scan four servers of a simulated IoT
laboratory.

The captures lie in `Scan/OS` and `Scan/Service` and carry names of the published form.  Tools, pace and the
share of open ports differ from capture to capture; a little MQTT, web and name-service traffic of the
laboratory runs in the background.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from iotids.testbed.attacks import scans, services
from iotids.testbed.chance import log_uniform, stream, weighted
from iotids.testbed.devices import act_at_random
from iotids.testbed.home import Home, make_servers
from iotids.testbed.hosts import LINUX_2_6, LINUX_3, LINUX_4, LINUX_5, RTOS, WINDOWS_7, Host, local
from iotids.testbed.lan import Lan, Scene
from iotids.testbed.protocols import arp, dns
from iotids.testbed.scenarios.capture_set import MINUTE_US, SECOND_US, Capture, at, scaled
from iotids.testbed.tape import Tape
from iotids.testbed.udp import ping

GATEWAY = local("router", "192.168.100.1", "02:d2:00:00:00:01", LINUX_3, delay_us=300)
ATTACKERS = tuple(
    local(
        f"kali {number}", f"192.168.100.{number}", f"02:d2:00:00:01:{number - 100:02x}", stack, delay_us=180
    )
    for number, stack in ((147, LINUX_4), (148, LINUX_4), (149, LINUX_5), (150, LINUX_3))
)
TARGETS = (
    local("ubuntu server", "192.168.100.3", "02:d2:00:00:00:03", LINUX_4, delay_us=350),
    local("windows 7", "192.168.100.5", "02:d2:00:00:00:05", WINDOWS_7, delay_us=600),
    local("metasploitable", "192.168.100.6", "02:d2:00:00:00:06", LINUX_2_6, delay_us=1500),
    local("ubuntu mobile", "192.168.100.7", "02:d2:00:00:00:07", LINUX_3, delay_us=20_000),
)
RESIDENTS = (
    (local("weather-station", "192.168.100.20", "02:d2:00:00:00:20", RTOS, delay_us=4000), "sensor"),
    (local("fridge", "192.168.100.21", "02:d2:00:00:00:21", LINUX_3, delay_us=2500), "plug"),
    (local("lights", "192.168.100.22", "02:d2:00:00:00:22", LINUX_4, delay_us=3000), "hub"),
    (local("thermostat", "192.168.100.23", "02:d2:00:00:00:23", RTOS, delay_us=6000), "sensor"),
)


@dataclass(frozen=True)
class Plan:
    """One capture: file name, how much is probed, with which tool, how fast, and the mix of probes."""

    name: str
    start: str
    probes: int
    pause_us: tuple[int, int]
    tool: scans.SynTool
    slow_link: float  # how much slower than the laboratory's Ethernet the scanned link is
    mix: tuple[tuple[float, str], ...]


OS_MIX = (
    (46, "closed"),
    (9, "open"),
    (8, "silent"),
    (14, "connect closed"),
    (4, "connect open"),
    (3, "connect silent"),
    (6, "udp closed"),
    (2, "udp open"),
    (4, "os"),
    (2, "version"),
    (1, "ping"),
)
SERVICE_MIX = (
    (50, "closed"),
    (6, "open"),
    (7, "silent"),
    (10, "connect closed"),
    (5, "connect open"),
    (3, "connect silent"),
    (4, "udp closed"),
    (2, "udp open"),
    (0.3, "os"),
    (8, "version"),
    (0.3, "ping"),
)
POLITE = scans.SynTool(2048)
XPROBE = scans.SynTool(5840, "linux", repeats=1)
FAST, NORMAL, SLOW = (300, 4000), (3000, 60_000), (20_000, 600_000)
PLANS = (
    Plan(
        "Scan/OS/IoT_Dataset_OSScan__00001_20180521140502.pcap",
        "2018-05-21T14:05:02",
        740,
        FAST,
        scans.NMAP,
        1,
        OS_MIX,
    ),
    Plan(
        "Scan/OS/IoT_Dataset_OSScan__00002_20180521154506.pcap",
        "2018-05-21T15:45:06",
        700,
        NORMAL,
        XPROBE,
        1,
        OS_MIX,
    ),
    Plan(
        "Scan/OS/IoT_Dataset_OSScan__00003_20180522091011.pcap",
        "2018-05-22T09:10:11",
        560,
        SLOW,
        scans.NMAP,
        6,
        OS_MIX,
    ),
    Plan(
        "Scan/OS/IoT_Dataset_OSScan__00004_20180522113307.pcap",
        "2018-05-22T11:33:07",
        450,
        NORMAL,
        scans.HPING,
        12,
        OS_MIX,
    ),
    Plan(
        "Scan/Service/IoT_Dataset_ServiceScan__00001_20180514110203.pcap",
        "2018-05-14T11:02:03",
        2750,
        FAST,
        scans.NMAP,
        1,
        SERVICE_MIX,
    ),
    Plan(
        "Scan/Service/IoT_Dataset_ServiceScan__00002_20180514152030.pcap",
        "2018-05-14T15:20:30",
        2400,
        NORMAL,
        scans.HPING,
        1,
        SERVICE_MIX,
    ),
    Plan(
        "Scan/Service/IoT_Dataset_ServiceScan__00003_20180515094414.pcap",
        "2018-05-15T09:44:14",
        1800,
        NORMAL,
        scans.NMAP,
        4,
        SERVICE_MIX,
    ),
    Plan(
        "Scan/Service/IoT_Dataset_ServiceScan__00004_20180515131718.pcap",
        "2018-05-15T13:17:18",
        800,
        FAST,
        scans.MASSCAN,
        8,
        SERVICE_MIX,
    ),
    Plan(
        "Scan/Service/IoT_Dataset_ServiceScan__00005_20180516100122.pcap",
        "2018-05-16T10:01:22",
        1250,
        SLOW,
        POLITE,
        20,
        SERVICE_MIX,
    ),
    Plan(
        "Scan/Service/IoT_Dataset_ServiceScan__00006_20180516163926.pcap",
        "2018-05-16T16:39:26",
        1100,
        NORMAL,
        XPROBE,
        2,
        SERVICE_MIX,
    ),
)
SERVICE_PORTS = (
    (4, 80),
    (2, 22),
    (2, 21),
    (2, 23),
    (1, 25),
    (2, 443),
    (1, 1883),
    (1, 8080),
    (2, 3306),
    (1, 49152),
)


def captures(seed: int, scale: float) -> Iterator[Capture]:
    """Make the captures one after the other."""
    for plan in PLANS:
        yield _make(plan, seed, scale)


def _make(plan: Plan, seed: int, scale: float) -> Capture:
    rng = stream(seed, "D2", plan.name)
    tape, start_us = Tape(), at(plan.start)
    targets = tuple(
        Host(host.name, host.address, host.stack, host.hardware, int(host.delay_us * plan.slow_link))
        for host in TARGETS
    )
    residents = tuple(host for host, _ in RESIDENTS)
    lan = Lan(GATEWAY, (*ATTACKERS, *TARGETS, *residents), tape, rng, padded=True)
    scene = Scene(lan, rng, loss=0.004, disorder=0.002)
    attack = scene.labelled("SCANNING", "OS" if "/OS/" in plan.name else "Service")
    at_us = start_us + 5 * SECOND_US
    for _ in range(scaled(plan.probes, scale)):
        attacker, target = ATTACKERS[rng.randrange(len(ATTACKERS))], targets[rng.randrange(len(targets))]
        _probe(attack, plan, weighted(rng, plan.mix), attacker, target, at_us)
        at_us = scans.slow_down(attack, log_uniform(rng, *plan.pause_us), at_us)
    end_us = max(at_us, start_us + MINUTE_US)
    home = Home(scene, GATEWAY, (*residents, *TARGETS), make_servers(stream(seed, "D2", "servers"), 12))
    act_at_random(home, RESIDENTS, start_us=start_us, end_us=end_us, times=scaled(8, scale))
    arp.chatter(
        scene, (GATEWAY, *TARGETS, *residents), start_us=start_us, end_us=end_us, mean_pause_us=20 * SECOND_US
    )
    return Capture(plan.name, tape.in_order())


def _probe(scene: Scene, plan: Plan, kind: str, attacker: Host, target: Host, at_us: int) -> None:
    """Do one probe of the mix."""
    rng = scene.rng
    port = 1 + rng.randrange(65_000)
    known_port = weighted(rng, SERVICE_PORTS)
    if kind in (scans.CLOSED, scans.SILENT):
        scans.syn_probe(scene, attacker, target, port, kind, plan.tool, at_us=at_us)
    elif kind == scans.OPEN:
        scans.syn_probe(scene, attacker, target, known_port, kind, plan.tool, at_us=at_us)
    elif kind.startswith("connect"):
        state = kind.removeprefix("connect ")
        scans.connect_probe(
            scene, attacker, target, known_port if state == scans.OPEN else port, state, at_us=at_us
        )
    elif kind == "udp closed":
        scans.udp_probe(
            scene,
            attacker,
            target,
            port,
            scans.CLOSED,
            at_us=at_us,
            question=b"\0" * weighted(rng, ((2, 0), (1, 40))),
        )
    elif kind == "udp open":
        question = dns.question(rng.getrandbits(16), "version.bind")
        answer = dns.answer(rng.getrandbits(16), "version.bind", [target.address])
        scans.udp_probe(
            scene, attacker, target, 53, scans.OPEN, at_us=at_us, question=question, answer=answer
        )
    elif kind == "os":
        scans.os_probes(scene, attacker, target, open_port=known_port, closed_port=port, at_us=at_us)
    elif kind == "ping":
        ping(scene, attacker, target, times=2, at_us=at_us, ident=rng.getrandbits(16))
    else:
        services.version_probe(scene, attacker, target, known_port, at_us=at_us)
