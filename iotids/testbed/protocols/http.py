"""HTTP/1.1: polling, small downloads, uploads; also what scanners and bots ask for."""

from __future__ import annotations

from iotids.testbed.chance import happens, log_uniform, weighted
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.protocols.ciphertext import ciphertext
from iotids.testbed.tcp import CLIENT, SERVER, TcpConversation
from iotids.testbed.wire import ip_text

CLOSINGS = (
    (5, (CLIENT, "four")),
    (4, (SERVER, "four")),
    (3, (CLIENT, "three")),
    (3, (SERVER, "three")),
    (1, (CLIENT, "reset")),
    (1, (SERVER, "reset")),
    (0.6, (CLIENT, "abort")),
    (0.6, (SERVER, "vanish")),
)
AGENTS = (
    "Mozilla/5.0 (X11; Linux armv7l)",
    "curl/7.58.0",
    "okhttp/3.12.1",
    "Dalvik/2.1.0",
    "ESP8266HTTPClient",
    "UPnP/1.0",
)


def request_text(
    method: str, path: str, server: Host, agent: str, *, body: bytes = b"", keep: bool = False
) -> bytes:
    """Return a request with the usual headers."""
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {ip_text(server.address)}",
        f"User-Agent: {agent}",
        "Accept: */*",
        f"Connection: {'keep-alive' if keep else 'close'}",
    ]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def response_text(status: str, body: bytes, *, server_name: str = "lighttpd/1.4.35") -> bytes:
    """Return a response with the usual headers."""
    head = f"HTTP/1.1 {status}\r\nServer: {server_name}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def close_somehow(talk: TcpConversation, scene: Scene) -> None:
    """End a conversation in one of the ways real ones end."""
    first, style = weighted(scene.rng, CLOSINGS)
    talk.close(first, style=style)


def fetch(
    scene: Scene,
    client: Host,
    server: Host,
    *,
    at_us: int,
    port: int = 80,
    path: str = "/status",
    method: str = "GET",
    requests: int = 1,
    body_bytes: int = 0,
    upload_bytes: int = 0,
    pause_us: int = 0,
    lost_syns: int = 0,
) -> int:
    """Open a connection, ask `requests` times, close; `body_bytes` 0 means a body of 20 to 2000 bytes."""
    rng = scene.rng
    agent = AGENTS[rng.randrange(len(AGENTS))]
    talk = TcpConversation(scene, client, server, port, at_us=at_us).connect(lost_syns=lost_syns)
    for number in range(requests):
        upload = ciphertext(rng, upload_bytes) if upload_bytes else b""
        ask = request_text(method, path, server, agent, body=upload, keep=requests > 1)
        talk.say(
            CLIENT, ask, think_us=rng.randrange(200, 3000) if not number else pause_us + rng.randrange(2000)
        )
        size = body_bytes or log_uniform(rng, 20, 2000)
        status = "200 OK" if happens(rng, 0.93) else "404 Not Found"
        talk.say(SERVER, response_text(status, ciphertext(rng, size)), think_us=log_uniform(rng, 300, 60_000))
    talk.pause(rng.randrange(300, 60_000))
    close_somehow(talk, scene)
    return talk.now_us
