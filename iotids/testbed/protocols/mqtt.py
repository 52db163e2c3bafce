"""MQTT 3.1.1: connect, publish, keep-alive pings."""

from __future__ import annotations

from iotids.testbed.chance import around, happens
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.tcp import CLIENT, SERVER, TcpConversation

MQTT_PORT = 1883
CONNACK = b"\x20\x02\x00\x00"
PINGREQ, PINGRESP, DISCONNECT = b"\xc0\x00", b"\xd0\x00", b"\xe0\x00"


def text(value: str) -> bytes:
    """Return a length-prefixed string."""
    return len(value).to_bytes(2, "big") + value.encode()


def packet(kind_and_flags: int, body: bytes) -> bytes:
    """Return a control packet with its variable-length size field."""
    size, left = b"", len(body)
    while True:
        left, digit = left >> 7, left & 0x7F
        size += bytes([digit | (0x80 if left else 0)])
        if not left:
            return bytes([kind_and_flags]) + size + body


def connect_packet(client_name: str, keep_alive_s: int) -> bytes:
    """Return CONNECT with a clean session."""
    return packet(0x10, text("MQTT") + b"\x04\x02" + keep_alive_s.to_bytes(2, "big") + text(client_name))


def publish_packet(topic: str, payload: bytes, ident: int | None = None) -> bytes:
    """Return PUBLISH with quality 0, or 1 if an identifier is given."""
    middle = b"" if ident is None else ident.to_bytes(2, "big")
    return packet(0x30 if ident is None else 0x32, text(topic) + middle + payload)


def begin(
    scene: Scene, device: Host, broker: Host, *, at_us: int, keep_alive_s: int = 60, port: int = MQTT_PORT
) -> TcpConversation:
    """Connect to the broker and return the open conversation."""
    talk = TcpConversation(scene, device, broker, port, at_us=at_us).connect()
    talk.say(CLIENT, connect_packet(device.name, keep_alive_s), think_us=scene.rng.randrange(200, 3000))
    return talk.say(SERVER, CONNACK, think_us=scene.rng.randrange(100, 2000))


def publish(talk: TcpConversation, scene: Scene, topic: str, value: str, *, acknowledged: bool) -> None:
    """Send one reading."""
    ident = 1 + scene.rng.randrange(65535) if acknowledged else None
    talk.say(CLIENT, publish_packet(topic, value.encode(), ident))
    if ident is not None:
        talk.say(SERVER, packet(0x40, ident.to_bytes(2, "big")), think_us=scene.rng.randrange(100, 2500))


def ping(talk: TcpConversation, scene: Scene) -> None:
    """Exchange PINGREQ and PINGRESP, two bytes each."""
    talk.say(CLIENT, PINGREQ)
    talk.say(SERVER, PINGRESP, think_us=scene.rng.randrange(60, 900))


def reading_session(
    scene: Scene,
    device: Host,
    broker: Host,
    *,
    at_us: int,
    readings: int,
    pause_us: int,
    keep_alive_s: int = 60,
) -> int:
    """Connect, publish readings with pings in the pauses, then disconnect or just stay silent."""
    rng = scene.rng
    talk = begin(scene, device, broker, at_us=at_us, keep_alive_s=keep_alive_s)
    for _ in range(readings):
        publish(
            talk,
            scene,
            f"home/{device.name}/state",
            f'{{"t":{150 + rng.randrange(140)},"h":{30 + rng.randrange(50)}}}',
            acknowledged=happens(rng, 0.5),
        )
        left_us = around(rng, pause_us, 0.1)
        while left_us > keep_alive_s * 1_000_000:
            talk.pause(around(rng, keep_alive_s * 1_000_000, 0.01))
            ping(talk, scene)
            left_us -= keep_alive_s * 1_000_000
        talk.pause(left_us)
    if happens(rng, 0.6):
        talk.say(CLIENT, DISCONNECT)
        talk.close(CLIENT, style="four" if happens(rng, 0.5) else "three")
    return talk.now_us
