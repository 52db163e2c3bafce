"""Service scans: full connections that read a banner or send a probe, hardly different from a client's first
request.
"""

from __future__ import annotations

from iotids.testbed.chance import happens, log_uniform, weighted
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.protocols import http, mqtt, telnet, tls
from iotids.testbed.protocols.ciphertext import ciphertext
from iotids.testbed.tcp import CLIENT, SERVER, TcpConversation

BANNERS = {
    21: b"220 (vsFTPd 2.3.4)\r\n",
    22: b"SSH-2.0-OpenSSH_4.7p1 Debian-8ubuntu1\r\n",
    25: b"220 metasploitable.localdomain ESMTP Postfix\r\n",
}
GENERIC_PROBES = (
    b"\r\n\r\n",
    b"HELP\r\n",
    b"OPTIONS / RTSP/1.0\r\n\r\n",
    b"\x00\x0c\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00",
)
SCAN_CLOSINGS = (
    (4, (CLIENT, "four")),
    (3, (SERVER, "four")),
    (3, (CLIENT, "three")),
    (2, (SERVER, "three")),
    (4, (CLIENT, "reset")),
    (1, (CLIENT, "abort")),
    (1, (SERVER, "vanish")),
)


def version_probe(scene: Scene, scanner: Host, target: Host, port: int, *, at_us: int) -> int:
    """Connect to an open port and find out what answers there."""
    rng = scene.rng
    if port in (80, 8080, 49152):
        return _web(scene, scanner, target, port, at_us)
    talk = TcpConversation(scene, scanner, target, port, at_us=at_us).connect()
    if port == telnet.TELNET_PORT:
        telnet.greet(talk, scene, banner="metasploitable")
        if happens(rng, 0.3):
            telnet.try_login(talk, scene, "root", "root", succeeds=False)
    elif port == mqtt.MQTT_PORT:
        talk.say(CLIENT, mqtt.connect_packet("nmap", 60), think_us=rng.randrange(200, 3000))
        talk.say(SERVER, mqtt.CONNACK, think_us=rng.randrange(100, 2000))
    elif port in (443, 8883):
        tls.handshake(talk, scene, resumed=False)
    elif port in BANNERS:
        talk.say(SERVER, BANNERS[port], think_us=log_uniform(rng, 500, 200_000))
        if happens(rng, 0.3):
            talk.say(CLIENT, b"HELP\r\n", think_us=rng.randrange(300, 9000))
            talk.say(SERVER, ciphertext(rng, 60 + rng.randrange(200)), think_us=log_uniform(rng, 500, 60_000))
    else:
        talk.pause(weighted(rng, ((1, 6_000_000), (1, 900_000))))
        talk.say(CLIENT, GENERIC_PROBES[rng.randrange(len(GENERIC_PROBES))])
        if happens(rng, 0.5):
            talk.say(SERVER, ciphertext(rng, 12 + rng.randrange(300)), think_us=log_uniform(rng, 500, 60_000))
    talk.pause(rng.randrange(300, 50_000))
    first, style = weighted(rng, SCAN_CLOSINGS)
    talk.close(first, style=style)
    return talk.now_us


def _web(scene: Scene, scanner: Host, target: Host, port: int, at_us: int) -> int:
    """Ask a web server for one of the pages that scanners ask for."""
    rng = scene.rng
    path = weighted(
        rng, ((4, "/"), (1, "/robots.txt"), (1, "/nice%20ports%2C/Tri%6Eity.txt%2ebak"), (1, "/HNAP1"))
    )
    return http.fetch(
        scene,
        scanner,
        target,
        at_us=at_us,
        port=port,
        path=path,
        body_bytes=log_uniform(rng, 100, 3000),
        requests=weighted(rng, ((5, 1), (1, 3))),
        pause_us=log_uniform(rng, 1000, 600_000),
    )
