"""CoAP (RFC 7252): confirmable requests with piggybacked answers, and discovery."""

from __future__ import annotations

import struct

from iotids.testbed.chance import around, happens
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.udp import datagram, exchange

COAP_PORT = 5683
GET, CONTENT = 0x01, 0x45


def message(
    kind: int, code: int, ident: int, token: bytes, *, path: tuple[str, ...] = (), payload: bytes = b""
) -> bytes:
    """Return a message with Uri-Path options."""
    head = struct.pack("!BBH", 0x40 | kind << 4 | len(token), code, ident) + token
    previous, options = 0, b""
    for part in path:
        options += bytes([(11 - previous) << 4 | len(part)]) + part.encode()
        previous = 11
    return head + options + (b"\xff" + payload if payload else b"")


def poll(scene: Scene, client: Host, sensor: Host, *, at_us: int, times: int, pause_us: int) -> int:
    """Read a sensor a few times; unanswered requests are repeated after two to three seconds, then after
    twice that.
    """
    rng = scene.rng
    port = scene.lan.free_port(client)
    for number in range(times):
        ident, token = rng.getrandbits(16), rng.getrandbits(16).to_bytes(2, "big")
        ask = message(0, GET, ident, token, path=("sensors", "temp"))
        reply = message(2, CONTENT, ident, token, payload=f"{rng.randrange(150, 290) / 10}".encode())
        wait_us = around(rng, 2_500_000, 0.2)
        while happens(rng, 0.04):
            datagram(
                scene, client, sensor.address, src_port=port, dst_port=COAP_PORT, payload=ask, at_us=at_us
            )
            at_us, wait_us = at_us + wait_us, 2 * wait_us
        at_us = exchange(
            scene,
            client,
            sensor,
            COAP_PORT,
            ask,
            reply,
            at_us=at_us,
            client_port=port,
            think_us=rng.randrange(500, 30_000),
        )
        if number < times - 1:
            at_us += around(rng, pause_us, 0.1)
    return at_us
