"""TLS 1.3 as seen from outside: well-formed hellos and records of plausible lengths; the encrypted content is
not real cryptography.
"""

from __future__ import annotations

import struct
from random import Random

from iotids.testbed.chance import around, happens, log_uniform
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.protocols.ciphertext import ciphertext
from iotids.testbed.protocols.http import close_somehow
from iotids.testbed.tcp import CLIENT, SERVER, TcpConversation

LARGEST_RECORD = 16_384
CHANGE_CIPHER, HANDSHAKE, DATA = 20, 22, 23


def record(kind: int, body: bytes) -> bytes:
    """Return TLS 1.2 records with this content, at most 16 KiB in each."""
    pieces = [body[i : i + LARGEST_RECORD] for i in range(0, len(body), LARGEST_RECORD)]
    return b"".join(struct.pack("!BHH", kind, 0x0303, len(piece)) + piece for piece in pieces)


def client_hello(rng: Random, name: str, size: int) -> bytes:
    """Return a ClientHello of about `size` bytes that asks for a server by name and offers version 1.3."""
    host = name.encode()
    server_name = _extension(0, struct.pack("!HBH", len(host) + 3, 0, len(host)) + host)
    versions = _extension(43, b"\x04\x03\x04\x03\x03")
    groups = _extension(10, b"\x00\x04\x00\x1d\x00\x17")
    signatures = _extension(13, b"\x00\x04\x04\x03\x08\x04")
    key = _extension(51, struct.pack("!HHH", 36, 29, 32) + ciphertext(rng, 32))
    ciphers = b"\x13\x01\x13\x02\xc0\x2b\xc0\x2f\xc0\x13"
    extensions = server_name + versions + groups + signatures + key
    fixed = 4 + 2 + 32 + 33 + 2 + len(ciphers) + 2 + 2
    extensions += _extension(21, b"\0" * max(0, size - fixed - len(extensions) - 4))
    body = (
        b"\x03\x03"
        + ciphertext(rng, 32)
        + b"\x20"
        + ciphertext(rng, 32)
        + struct.pack("!H", len(ciphers))
        + ciphers
        + b"\x01\x00"
        + struct.pack("!H", len(extensions))
        + extensions
    )
    return _message(1, body)


def server_hello(rng: Random) -> bytes:
    """Return a ServerHello that agrees to version 1.3."""
    extensions = _extension(43, b"\x03\x04") + _extension(
        51, struct.pack("!HH", 29, 32) + ciphertext(rng, 32)
    )
    return _message(
        2,
        b"\x03\x03"
        + ciphertext(rng, 32)
        + b"\x20"
        + ciphertext(rng, 32)
        + b"\x13\x01\x00"
        + struct.pack("!H", len(extensions))
        + extensions,
    )


def _extension(kind: int, body: bytes) -> bytes:
    return struct.pack("!HH", kind, len(body)) + body


def _message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def handshake(talk: TcpConversation, scene: Scene, *, resumed: bool) -> None:
    """Exchange hellos, then certificates (already encrypted, as in version 1.3) or the short form of a
    resumed session.
    """
    rng = scene.rng
    name = talk.ends[SERVER].host.name.replace(" ", "-")
    talk.say(
        CLIENT,
        record(HANDSHAKE, client_hello(rng, name, rng.randrange(190, 330))),
        think_us=rng.randrange(300, 4000),
    )
    changed = record(CHANGE_CIPHER, b"\x01")
    certificates = 0 if resumed else rng.randrange(2200, 4200)
    talk.say(
        SERVER,
        record(HANDSHAKE, server_hello(rng)) + changed + record(DATA, ciphertext(rng, 76 + certificates)),
        think_us=rng.randrange(300, 5000 if resumed else 9000),
    )
    talk.say(
        CLIENT,
        changed + record(DATA, ciphertext(rng, 53)),
        think_us=rng.randrange(300, 6000 if resumed else 60_000),
    )
    if not resumed:
        talk.say(
            SERVER, record(DATA, ciphertext(rng, rng.randrange(60, 250))), think_us=rng.randrange(300, 5000)
        )


def session(
    scene: Scene,
    client: Host,
    server: Host,
    *,
    at_us: int,
    port: int = 443,
    turns: int = 1,
    up_bytes: int = 300,
    down_bytes: int = 800,
    pause_us: int = 0,
    resumed: bool | None = None,
) -> int:
    """Open an encrypted connection, exchange `turns` requests of around these sizes, close."""
    rng = scene.rng
    talk = TcpConversation(scene, client, server, port, at_us=at_us).connect()
    handshake(talk, scene, resumed=happens(rng, 0.4) if resumed is None else resumed)
    for number in range(turns):
        talk.say(
            CLIENT,
            record(DATA, ciphertext(rng, 24 + around(rng, up_bytes, 0.5))),
            think_us=rng.randrange(500, 9000) if not number else pause_us + rng.randrange(9000),
        )
        talk.say(
            SERVER,
            record(DATA, ciphertext(rng, 24 + around(rng, down_bytes, 0.6))),
            think_us=log_uniform(rng, 500, 80_000),
        )
    talk.pause(rng.randrange(500, 90_000))
    if happens(rng, 0.5):
        talk.say(CLIENT, record(DATA, ciphertext(rng, 19)))
    close_somehow(talk, scene)
    return talk.now_us


def keep_alive_session(
    scene: Scene,
    client: Host,
    server: Host,
    *,
    at_us: int,
    port: int,
    beats: int,
    beat_us: int,
    up_bytes: int,
    down_bytes: int,
) -> int:
    """Hold a connection open and exchange a small encrypted message every `beat_us`."""
    rng = scene.rng
    talk = TcpConversation(scene, client, server, port, at_us=at_us).connect()
    handshake(talk, scene, resumed=happens(rng, 0.5))
    for _ in range(beats):
        talk.say(CLIENT, record(DATA, ciphertext(rng, up_bytes)), think_us=around(rng, beat_us, 0.02))
        talk.say(SERVER, record(DATA, ciphertext(rng, down_bytes)), think_us=rng.randrange(200, 4000))
    talk.pause(600_000)
    close_somehow(talk, scene)
    return talk.now_us
