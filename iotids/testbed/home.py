"""A home network with its machines and the servers they know: what benign habits need to be acted out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from iotids.testbed.chance import log_uniform
from iotids.testbed.hosts import CLOUD, CLOUD_BSD, CLOUD_PPP, LINUX_4, LINUX_5, Host, Stack
from iotids.testbed.lan import Scene
from iotids.testbed.wire import ip

# Public addresses come from ranges reserved for documentation and benchmarks (RFC 5737, RFC 2544): nobody
# owns them.
SERVER_RANGES = (ip("192.0.2.0"), ip("198.51.100.0"), ip("203.0.113.0"))
SERVER_STACKS: tuple[Stack, ...] = (CLOUD, CLOUD_BSD, CLOUD_PPP, LINUX_4, LINUX_5)
NAMES = ("api", "time", "iot", "cdn", "mqtt", "push", "log", "update", "media", "auth", "stun", "relay")


def make_servers(rng: Random, count: int, *, first: int = 10) -> tuple[Host, ...]:
    """Invent servers with different stacks, six to 280 ms away."""
    servers = []
    for number in range(count):
        address = SERVER_RANGES[number % 3] + first + number // 3
        name = f"{NAMES[number % len(NAMES)]}{number}.example.net"
        stack = SERVER_STACKS[rng.randrange(len(SERVER_STACKS))]
        servers.append(
            Host(name, address, stack, b"", log_uniform(rng, 6_000, 280_000), 7 + rng.randrange(11))
        )
    return tuple(servers)


@dataclass(frozen=True)
class Home:
    """Everything a habit may use."""

    scene: Scene
    resolver: Host
    hosts: Sequence[Host]
    servers: Sequence[Host]

    @property
    def rng(self) -> Random:
        """Return the random stream of the scene."""
        return self.scene.rng

    def server_of(self, device: Host, role: int = 0) -> Host:
        """Return the server that this device uses for this role, always the same one."""
        return self.servers[(device.address * 7 + role * 5) % len(self.servers)]

    def dead_server_of(self, device: Host) -> Host:
        """Return a server that was switched off: the address that a device with old firmware keeps trying."""
        return Host(
            "dead.example.net",
            SERVER_RANGES[device.address % 3] + 200 + device.address % 50,
            CLOUD,
            b"",
            60_000,
            9,
        )

    def neighbour_of(self, device: Host, role: int = 0) -> Host:
        """Return another machine of the same network."""
        others = [host for host in self.hosts if host.address != device.address]
        return others[(device.address * 3 + role) % len(others)]
