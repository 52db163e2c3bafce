"""NTP: a clock question and its answer (RFC 5905, version 3 or 4)."""

from __future__ import annotations

import struct

from iotids.testbed.chance import happens
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.udp import exchange

NTP_PORT = 123
SECONDS_1900_TO_1970 = 2_208_988_800


def ntp_time(time_us: int) -> bytes:
    """Return a time of the Unix epoch as a 64-bit NTP time stamp."""
    seconds, microseconds = divmod(time_us, 1_000_000)
    return struct.pack(
        "!II", (seconds + SECONDS_1900_TO_1970) & 0xFFFFFFFF, (microseconds << 32) // 1_000_000
    )


def sync(
    scene: Scene,
    client: Host,
    server: Host,
    *,
    at_us: int,
    times: int = 1,
    answered: bool = True,
    gap_us: int = 2_000_000,
) -> int:
    """Ask a server for the time, `times` times from one port (123 for daemons, any port for simple clients)."""
    port = NTP_PORT if happens(scene.rng, 0.5) else scene.lan.free_port(client)
    for number in range(times):
        now = ntp_time(at_us)
        ask = struct.pack("!BBBB", 0x23, 0, 6, 0xEC) + b"\0" * 36 + now
        reply = struct.pack("!BBBBII4s", 0x24, 2, 6, 0xEC, 1500, 2400, b"GPS\0") + now + now + now + now
        at_us = exchange(
            scene, client, server, NTP_PORT, ask, reply if answered else None, at_us=at_us, client_port=port
        )
        if number < times - 1:
            at_us += gap_us + scene.rng.randrange(9000)
    return at_us
