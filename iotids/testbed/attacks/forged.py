"""Single TCP segments built by hand, as attack tools with raw sockets send them."""

from __future__ import annotations

from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.wire import ACK, ETHERTYPE_IPV4, TCP, ipv4, tcp_segment


def segment(
    scene: Scene,
    src: Host,
    dst: Host,
    *,
    src_port: int,
    dst_port: int,
    flags: int,
    seq: int,
    ack: int = 0,
    window: int,
    at_us: int,
    options: bytes = b"",
    payload: bytes = b"",
    ident: int | None = None,
    urgent: int = 0,
    via: bytes | None = None,
    dont_fragment: bool = False,
) -> None:
    """Put one segment on the wire; `via` is the hardware address that really sends a packet with a forged
    source.
    """
    body = tcp_segment(
        src.address,
        dst.address,
        src_port,
        dst_port,
        seq=seq,
        ack=ack,
        flags=flags,
        window=window,
        options=options,
        payload=payload,
        urgent=urgent,
    )
    packet = ipv4(
        src.address,
        dst.address,
        TCP,
        body,
        ttl=src.seen_ttl,
        dont_fragment=dont_fragment,
        ident=scene.rng.getrandbits(16) if ident is None else ident,
    )
    if via is None:
        scene.put(at_us, src.address, dst.address, packet)
    else:
        scene.lan.put_frame(
            at_us, scene.lan.hardware_of(dst.address), via, ETHERTYPE_IPV4, packet, scene.label
        )


def refusal(
    scene: Scene, refuser: Host, asker: Host, *, refuser_port: int, asker_port: int, ack: int, at_us: int
) -> None:
    """Put the RST of a closed port on the wire."""
    segment(
        scene,
        refuser,
        asker,
        src_port=refuser_port,
        dst_port=asker_port,
        flags=ACK | 4,
        seq=0,
        ack=ack,
        window=0,
        at_us=at_us,
        ident=0,
        dont_fragment=True,
    )
