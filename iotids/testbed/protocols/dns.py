"""DNS look-ups and multicast DNS announcements in the format of RFC 1035."""

from __future__ import annotations

import struct

from iotids.testbed.chance import around, happens
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.udp import datagram, exchange
from iotids.testbed.wire import ip

DNS_PORT, MDNS_PORT = 53, 5353
MDNS_GROUP = ip("224.0.0.251")
TYPE_A, TYPE_CNAME, TYPE_PTR, TYPE_AAAA = 1, 5, 12, 28
RETRY_US = 5_000_000


def encoded_name(name: str) -> bytes:
    """Return a domain name as length-prefixed labels."""
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def question(ident: int, name: str, kind: int = TYPE_A) -> bytes:
    """Return a recursive question."""
    return (
        struct.pack("!HHHHHH", ident, 0x0100, 1, 0, 0, 0) + encoded_name(name) + struct.pack("!HH", kind, 1)
    )


def answer(
    ident: int,
    name: str,
    addresses: list[int],
    *,
    alias: str | None = None,
    kind: int = TYPE_A,
    ttl_s: int = 300,
) -> bytes:
    """Return the answer to `question`: an optional alias and A records, or no records at all."""
    records = []
    if alias is not None:
        target = encoded_name(alias)
        records.append(struct.pack("!HHHIH", 0xC00C, TYPE_CNAME, 1, ttl_s, len(target)) + target)
    records += [struct.pack("!HHHIHI", 0xC00C, TYPE_A, 1, ttl_s, 4, address) for address in addresses]
    head = struct.pack("!HHHHHH", ident, 0x8180, 1, len(records), 0, 0)
    return head + encoded_name(name) + struct.pack("!HH", kind, 1) + b"".join(records)


def lookup(
    scene: Scene, client: Host, resolver: Host, server: Host, *, at_us: int, answered: bool = True
) -> int:
    """Ask for a server's address; some stacks ask for IPv6 first from the same port; return when the client
    knows it.
    """
    rng = scene.rng
    port = scene.lan.free_port(client)
    think_us = around(rng, 18_000, 0.9) if happens(rng, 0.4) else 200 + rng.randrange(900)
    alias = "edge-" + server.name if happens(rng, 0.35) else None
    kinds = [TYPE_AAAA, TYPE_A] if happens(rng, 0.3) else [TYPE_A]
    for kind in kinds:
        ident = rng.getrandbits(16)
        ask = question(ident, server.name, kind)
        addresses = [server.address + i for i in range(1 + rng.randrange(4))] if kind == TYPE_A else []
        reply = answer(ident, server.name, addresses, alias=alias, kind=kind)
        if happens(rng, 0.01) or not answered:
            exchange(scene, client, resolver, DNS_PORT, ask, None, at_us=at_us, client_port=port)
            at_us += around(rng, RETRY_US, 0.01)
        at_us = exchange(
            scene,
            client,
            resolver,
            DNS_PORT,
            ask,
            reply if answered else None,
            at_us=at_us,
            client_port=port,
            think_us=think_us,
        )
        at_us += 40 + rng.randrange(900)
    return at_us


def announce(scene: Scene, device: Host, service: str, *, times: int, at_us: int) -> int:
    """Announce a service by multicast, a few times with doubling pauses (RFC 6762)."""
    target = encoded_name(f"{device.name}.{service}.local")
    record = encoded_name(service + ".local") + struct.pack("!HHIH", TYPE_PTR, 1, 4500, len(target)) + target
    payload = struct.pack("!HHHHHH", 0, 0x8400, 0, 1, 0, 0) + record
    for number in range(times):
        datagram(
            scene,
            device,
            MDNS_GROUP,
            src_port=MDNS_PORT,
            dst_port=MDNS_PORT,
            payload=payload,
            at_us=at_us,
            ttl=255,
        )
        at_us += around(scene.rng, 1_000_000 << number, 0.02)
    return at_us
