"""RTSP control of a camera and the RTP stream that follows it."""

from __future__ import annotations

import struct

from iotids.testbed.chance import around, happens
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.protocols.ciphertext import ciphertext
from iotids.testbed.tcp import CLIENT, SERVER, TcpConversation
from iotids.testbed.udp import datagram
from iotids.testbed.wire import ip_text

RTSP_PORT = 554
METHODS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY")
FRAME_US = 40_000


def watch(
    scene: Scene,
    viewer: Host,
    camera: Host,
    *,
    at_us: int,
    frames: int,
    frame_bytes: int = 2600,
    port: int = RTSP_PORT,
    teardown: bool = True,
) -> int:
    """Let a viewer start the stream over TCP control, receive `frames` video frames by RTP over UDP, and stop
    it.
    """
    rng = scene.rng
    talk = TcpConversation(scene, viewer, camera, port, at_us=at_us).connect()
    for number, method in enumerate(METHODS, start=1):
        control(talk, scene, method, number)
    end_us = stream(scene, camera, viewer, at_us=talk.now_us + 9000, frames=frames, frame_bytes=frame_bytes)
    talk.pause(max(0, end_us - talk.now_us))
    if teardown:
        control(talk, scene, "TEARDOWN", len(METHODS) + 1)
        talk.close(CLIENT if happens(rng, 0.6) else SERVER, style="four" if happens(rng, 0.6) else "three")
    return talk.now_us


def control(talk: TcpConversation, scene: Scene, method: str, number: int) -> None:
    """Exchange one RTSP request and its answer."""
    camera = ip_text(talk.ends[SERVER].host.address)
    talk.say(
        CLIENT,
        f"{method} rtsp://{camera}/live RTSP/1.0\r\nCSeq: {number}\r\nUser-Agent: LibVLC/3.0.8\r\n\r\n".encode(),
        think_us=scene.rng.randrange(300, 9000),
    )
    body = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n" if method == "DESCRIBE" else ""
    reply = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: {scene.rng.getrandbits(32):08x}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    talk.say(SERVER, reply.encode(), think_us=scene.rng.randrange(500, 20_000))


def stream(
    scene: Scene,
    camera: Host,
    viewer: Host,
    *,
    at_us: int,
    frames: int,
    frame_bytes: int,
    frame_us: int = FRAME_US,
    src_port: int | None = None,
    dst_port: int | None = None,
) -> int:
    """Send video frames as RTP packets of up to 1400 bytes; every 25th frame is a key frame of six times the
    size.
    """
    rng = scene.rng
    source = rng.getrandbits(32)
    src_port = scene.lan.free_port(camera) & ~1 if src_port is None else src_port
    dst_port = scene.lan.free_port(viewer) & ~1 if dst_port is None else dst_port
    sequence = rng.getrandbits(15)
    for frame in range(frames):
        left = around(rng, frame_bytes * (6 if frame % 25 == 0 else 1), 0.4)
        send_us = at_us
        while left > 0:
            size = min(1400, left)
            left -= size
            head = struct.pack(
                "!BBHII",
                0x80,
                96 | (0x80 if left <= 0 else 0),
                sequence & 0xFFFF,
                frame * 3600 & 0xFFFFFFFF,
                source,
            )
            datagram(
                scene,
                camera,
                viewer.address,
                src_port=src_port,
                dst_port=dst_port,
                payload=head + ciphertext(rng, size),
                at_us=send_us,
            )
            sequence += 1
            send_us += 90 + rng.randrange(400)
        at_us += around(rng, frame_us, 0.15)
    return at_us
