"""TLS as seen from outside: record headers and plausible lengths, the content is not real cryptography."""

from __future__ import annotations

import struct

from stages.testbed.chance import around, happens, log_uniform
from stages.testbed.hosts import Host
from stages.testbed.lan import Scene
from stages.testbed.protocols.ciphertext import ciphertext
from stages.testbed.protocols.http import close_somehow
from stages.testbed.tcp import CLIENT, SERVER, TcpConversation

LARGEST_RECORD = 16_384
CHANGE_CIPHER, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23


def record(kind: int, body: bytes) -> bytes:
    """Return TLS 1.2 records with this content, at most 16 KiB in each."""
    pieces = [body[i:i + LARGEST_RECORD] for i in range(0, len(body), LARGEST_RECORD)]
    return b"".join(struct.pack("!BHH", kind, 0x0303, len(piece)) + piece for piece in pieces)


def handshake(talk: TcpConversation, scene: Scene, *, resumed: bool) -> None:
    """Exchange hello, certificates and keys, or the short form of a resumed session."""
    rng = scene.rng
    name_length = rng.randrange(150, 320)
    talk.say(CLIENT, record(HANDSHAKE, b"\x01\x00\x00" + ciphertext(rng, name_length)), think_us=rng.randrange(300, 4000))
    finished = record(CHANGE_CIPHER, b"\x01") + record(HANDSHAKE, ciphertext(rng, 40))
    if resumed:
        talk.say(SERVER, record(HANDSHAKE, b"\x02\x00\x00" + ciphertext(rng, 90)) + finished, think_us=rng.randrange(300, 5000))
        talk.say(CLIENT, finished, think_us=rng.randrange(300, 6000))
        return
    talk.say(SERVER, record(HANDSHAKE, b"\x02\x00\x00" + ciphertext(rng, rng.randrange(2200, 4200))), think_us=rng.randrange(500, 9000))
    talk.say(CLIENT, record(HANDSHAKE, b"\x10\x00\x00" + ciphertext(rng, 70)) + finished, think_us=rng.randrange(2000, 60_000))
    talk.say(SERVER, finished, think_us=rng.randrange(300, 5000))


def session(scene: Scene, client: Host, server: Host, *, at_us: int, port: int = 443, turns: int = 1, up_bytes: int = 300,
            down_bytes: int = 800, pause_us: int = 0, resumed: bool | None = None) -> int:
    """Open an encrypted connection, exchange `turns` requests of around these sizes, close."""
    rng = scene.rng
    talk = TcpConversation(scene, client, server, port, at_us=at_us).connect()
    handshake(talk, scene, resumed=happens(rng, 0.4) if resumed is None else resumed)
    for number in range(turns):
        talk.say(CLIENT, record(DATA, ciphertext(rng, 24 + around(rng, up_bytes, 0.5))),
                 think_us=rng.randrange(500, 9000) if not number else pause_us + rng.randrange(9000))
        talk.say(SERVER, record(DATA, ciphertext(rng, 24 + around(rng, down_bytes, 0.6))), think_us=log_uniform(rng, 500, 80_000))
    talk.pause(rng.randrange(500, 90_000))
    if happens(rng, 0.5):
        talk.say(CLIENT, record(ALERT, ciphertext(rng, 26)))
    close_somehow(talk, scene)
    return talk.now_us


def keep_alive_session(scene: Scene, client: Host, server: Host, *, at_us: int, port: int, beats: int, beat_us: int,
                       up_bytes: int, down_bytes: int) -> int:
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
