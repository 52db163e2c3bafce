"""D3, shaped like the UNSW IoT traces: eight days of a furnished flat full of IoT devices and a few people's
computers, all benign.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from iotids.testbed.chance import stream
from iotids.testbed.devices import live
from iotids.testbed.home import Home, make_servers
from iotids.testbed.hosts import (
    ANDROID,
    APPLE,
    LINUX_2_6,
    LINUX_3,
    LINUX_4,
    LINUX_5,
    LWIP,
    LWIP_SMALL,
    RTOS,
    UCLINUX,
    WINDOWS_7,
    WINDOWS_10,
    Host,
    Stack,
    local,
)
from iotids.testbed.lan import Lan, Scene
from iotids.testbed.protocols import arp
from iotids.testbed.scenarios.capture_set import DAY_US, MINUTE_US, Capture, at
from iotids.testbed.tape import Tape

DAYS = tuple(f"2016-09-{day}" for day in range(23, 31))
GATEWAY = local("Router Bridge LAN (Gateway)", "192.168.1.1", "02:d3:00:00:00:01", LINUX_3, delay_us=350)
_INVENTORY: tuple[tuple[str, str, Stack, int], ...] = (
    ("Smart Hub", "hub", UCLINUX, 400),
    ("Voice Assistant", "speaker", ANDROID, 4200),
    ("Welcome Camera", "camera", LINUX_2_6, 5200),
    ("Day Night Camera", "camera", LINUX_2_6, 3800),
    ("Smart Camera", "camera", LINUX_3, 3100),
    ("Drop Camera", "camera", LINUX_3, 6100),
    ("Wired Camera", "camera", RTOS, 500),
    ("Baby Monitor", "camera", LINUX_2_6, 600),
    ("Wall Switch", "plug", LINUX_2_6, 8200),
    ("Smart Plug", "plug", LINUX_2_6, 9100),
    ("Radio Plug", "plug", LWIP, 7400),
    ("Motion Sensor", "sensor", LINUX_2_6, 8000),
    ("Smoke Alarm", "sensor", LWIP, 12_000),
    ("Weather Station", "sensor", LWIP_SMALL, 15_000),
    ("Body Scale", "sensor", RTOS, 11_000),
    ("Sleep Sensor", "sensor", LINUX_3, 6500),
    ("Light Bulb", "plug", LWIP_SMALL, 14_000),
    ("Kitchen Speaker", "speaker", LINUX_3, 5600),
    ("Photo Frame", "hub", LINUX_2_6, 5000),
    ("Printer", "hub", RTOS, 3000),
    ("Tablet", "phone", ANDROID, 4400),
    ("Android Phone", "phone", ANDROID, 6600),
    ("Laptop", "laptop", WINDOWS_10, 2400),
    ("Old Laptop", "laptop", WINDOWS_7, 2900),
    ("Docked Laptop", "laptop", LINUX_5, 450),
    ("MacBook", "laptop", APPLE, 2600),
    ("IPhone", "phone", APPLE, 7100),
    ("Media Box", "speaker", LINUX_4, 420),
)
RESIDENTS: tuple[tuple[Host, str], ...] = tuple(
    (
        local(name, f"192.168.1.{100 + number}", f"02:d3:00:00:01:{number:02x}", stack, delay_us=delay_us),
        profile,
    )
    for number, (name, profile, stack, delay_us) in enumerate(_INVENTORY)
)
DEVICES = tuple(host for host, _ in RESIDENTS)


def captures(seed: int, scale: float) -> Iterator[Capture]:
    """Make one capture a day, from midnight to midnight (UTC); the file name is YY-MM-DD."""
    servers = make_servers(stream(seed, "D3", "servers"), 60)
    for day in DAYS:
        rng = stream(seed, "D3", day)
        start_us = at(day + "T00:00:00")
        tape = Tape()
        lan = Lan(GATEWAY, DEVICES, tape, rng)
        scene = Scene(lan, rng, loss=0.01, disorder=0.004)
        home = Home(scene, GATEWAY, DEVICES, servers)
        for device, profile in RESIDENTS:
            live(
                home,
                device,
                profile,
                start_us=start_us,
                end_us=start_us + DAY_US - 5 * MINUTE_US,
                pace=PACE * scale,
            )
        arp.chatter(
            scene,
            (*DEVICES, GATEWAY),
            start_us=start_us,
            end_us=start_us + DAY_US,
            mean_pause_us=int(20 * MINUTE_US / scale),
        )
        yield Capture(
            f"{datetime.fromtimestamp(start_us // 1_000_000, UTC):%y-%m-%d}.pcap",
            tape.between(start_us, start_us + DAY_US).in_order(),
        )


PACE = 0.36  # 1 would be the pace of the profiles; the sample is 1/50 of the paper's flows
