"""DHCP: a device renews its lease or joins the network (RFC 2131)."""

from __future__ import annotations

import struct
from dataclasses import replace

from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.udp import datagram
from iotids.testbed.wire import ip

CLIENT_PORT, SERVER_PORT = 68, 67
DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
BROADCAST = ip("255.255.255.255")


def message(kind: int, ident: int, device: Host, server: Host) -> bytes:
    """Return a BOOTP message with the DHCP options that home routers use."""
    operation = 1 if kind in (DISCOVER, REQUEST) else 2
    yours = 0 if operation == 1 else device.address
    head = struct.pack("!BBBBIHHIIII", operation, 1, 6, 0, ident, 0, 0, 0, yours, 0, 0)
    options = struct.pack("!BBB", 53, 1, kind)
    if operation == 2:
        options += struct.pack("!BBI", 54, 4, server.address) + struct.pack("!BBI", 51, 4, 86_400)
        options += struct.pack("!BBI", 1, 4, 0xFFFFFF00) + struct.pack("!BBI", 3, 4, server.address)
    else:
        options += (
            struct.pack("!BBI", 50, 4, device.address) + bytes([12, len(device.name)]) + device.name.encode()
        )
    body = head + device.hardware.ljust(16, b"\0") + b"\0" * 192 + b"\x63\x82\x53\x63" + options + b"\xff"
    return body.ljust(300, b"\0")


def renew(scene: Scene, device: Host, server: Host, *, at_us: int) -> int:
    """Renew a lease by unicast: REQUEST, ACK."""
    ident = scene.rng.getrandbits(32)
    datagram(
        scene,
        device,
        server.address,
        src_port=CLIENT_PORT,
        dst_port=SERVER_PORT,
        at_us=at_us,
        payload=message(REQUEST, ident, device, server),
    )
    at_us += 800 + scene.rng.randrange(40_000)
    datagram(
        scene,
        server,
        device.address,
        src_port=SERVER_PORT,
        dst_port=CLIENT_PORT,
        at_us=at_us,
        payload=message(ACK, ident, device, server),
    )
    return at_us


def join(scene: Scene, device: Host, server: Host, *, at_us: int) -> int:
    """Ask for a lease from nothing: DISCOVER, OFFER, REQUEST, ACK; the device speaks from 0.0.0.0 to
    everybody.
    """
    ident = scene.rng.getrandbits(32)
    nobody = replace(device, address=0)
    for kind in (DISCOVER, OFFER, REQUEST, ACK):
        payload = message(kind, ident, device, server)
        if kind in (DISCOVER, REQUEST):
            scene.lan.hardware[0] = device.hardware
            datagram(
                scene,
                nobody,
                BROADCAST,
                src_port=CLIENT_PORT,
                dst_port=SERVER_PORT,
                at_us=at_us,
                payload=payload,
            )
        else:
            datagram(
                scene,
                server,
                device.address,
                src_port=SERVER_PORT,
                dst_port=CLIENT_PORT,
                at_us=at_us,
                payload=payload,
            )
        at_us += 1500 + scene.rng.randrange(60_000)
    return at_us
