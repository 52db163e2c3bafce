"""UDP as a capture sees it: single datagrams, questions with answers, retries."""

from __future__ import annotations

from iotids.testbed.chance import around
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.wire import ICMP, UDP, icmp_message, ipv4, udp_datagram

PORT_UNREACHABLE = 3


def datagram(
    scene: Scene,
    src: Host,
    dst_address: int,
    *,
    src_port: int,
    dst_port: int,
    payload: bytes,
    at_us: int,
    ttl: int | None = None,
) -> bytes:
    """Put one datagram on the wire and return the IP packet."""
    body = udp_datagram(src.address, dst_address, src_port, dst_port, payload)
    packet = ipv4(
        src.address,
        dst_address,
        UDP,
        body,
        ttl=src.seen_ttl if ttl is None else ttl,
        ident=scene.lan.next_ident(src),
    )
    scene.put(at_us, src.address, dst_address, packet)
    return packet


def exchange(
    scene: Scene,
    client: Host,
    server: Host,
    server_port: int,
    question: bytes,
    answer: bytes | None,
    *,
    at_us: int,
    client_port: int | None = None,
    think_us: int = 0,
) -> int:
    """Put a question and, unless it is None, its answer on the wire; return the time of the last packet."""
    port = scene.lan.free_port(client) if client_port is None else client_port
    datagram(
        scene, client, server.address, src_port=port, dst_port=server_port, payload=question, at_us=at_us
    )
    if answer is None:
        return at_us
    at_us += 30 + think_us + around(scene.rng, server.delay_us, 0.35)
    datagram(scene, server, client.address, src_port=server_port, dst_port=port, payload=answer, at_us=at_us)
    return at_us


def port_unreachable(
    scene: Scene, sender: Host, receiver_address: int, offending_packet: bytes, *, at_us: int
) -> None:
    """Put the ICMP complaint about a datagram to a closed port on the wire."""
    message = icmp_message(3, PORT_UNREACHABLE, payload=offending_packet[:28])
    packet = ipv4(
        sender.address,
        receiver_address,
        ICMP,
        message,
        ttl=sender.seen_ttl,
        ident=scene.lan.next_ident(sender),
        dont_fragment=False,
    )
    scene.put(at_us, sender.address, receiver_address, packet)


def ping(
    scene: Scene,
    sender: Host,
    target: Host,
    *,
    times: int,
    at_us: int,
    ident: int,
    answered: bool = True,
    size_bytes: int = 56,
    interval_us: int = 1_000_000,
) -> int:
    """Put ICMP echo requests and replies on the wire; return the time of the last packet."""
    body = bytes(range(16, 16 + size_bytes))
    for number in range(1, times + 1):
        for host, peer, kind in ((sender, target, 8), (target, sender, 0))[: 2 if answered else 1]:
            message = icmp_message(kind, 0, (ident << 16) | number, body)
            packet = ipv4(
                host.address,
                peer.address,
                ICMP,
                message,
                ttl=host.seen_ttl,
                ident=scene.lan.next_ident(host),
                dont_fragment=kind == 8,
            )
            scene.put(at_us, host.address, peer.address, packet)
            at_us += 30 + around(scene.rng, target.delay_us, 0.35)
        at_us += around(scene.rng, interval_us, 0.02)
    return at_us
