"""Single things that benign machines do: one function per habit, each acts once and returns when it is done.

The second half are the habits that make a detector's life hard: retries to dead servers, refused connections,
remote
log-ins, keep-alives and bursts that look like the attacks of `iotids.testbed.attacks`.
"""

from __future__ import annotations

from collections.abc import Callable

from iotids.testbed.chance import around, happens, log_uniform, weighted
from iotids.testbed.home import Home
from iotids.testbed.hosts import Host
from iotids.testbed.protocols import coap, dhcp, dns, http, mqtt, ntp, rtsp, ssdp, telnet, tls
from iotids.testbed.protocols.ciphertext import ciphertext
from iotids.testbed.tcp import CLIENT, SERVER, TcpConversation
from iotids.testbed.udp import datagram, exchange, ping

Habit = Callable[[Home, Host, int], int]


# -- everyday
# ----------------------------------------------------------------------------------------------------------


def look_up(home: Home, device: Host, at_us: int) -> int:
    """Ask the resolver for the address of the own cloud."""
    return dns.lookup(
        home.scene,
        device,
        home.resolver,
        home.server_of(device, home.rng.randrange(6)),
        at_us=at_us,
        answered=not happens(home.rng, 0.02),
    )


def set_clock(home: Home, device: Host, at_us: int) -> int:
    """Ask a time server; a start-up asks several times."""
    times = weighted(home.rng, ((8, 1), (1, 4), (1, 6)))
    return ntp.sync(home.scene, device, home.server_of(device, 1), at_us=at_us, times=times)


def renew_lease(home: Home, device: Host, at_us: int) -> int:
    """Renew the DHCP lease, or join from nothing."""
    act = dhcp.join if happens(home.rng, 0.2) else dhcp.renew
    return act(home.scene, device, home.resolver, at_us=at_us)


def search_neighbours(home: Home, device: Host, at_us: int) -> int:
    """Look for UPnP devices."""
    answering = [home.neighbour_of(device, role) for role in range(3)]
    return ssdp.search(home.scene, device, answering, at_us=at_us, times=1 + home.rng.randrange(4))


def announce_upnp(home: Home, device: Host, at_us: int) -> int:
    """Announce itself by SSDP."""
    return ssdp.announce(home.scene, device, at_us=at_us, kinds=1 + home.rng.randrange(4))


def announce_mdns(home: Home, device: Host, at_us: int) -> int:
    """Announce itself by multicast DNS."""
    return dns.announce(home.scene, device, "_http._tcp", times=2 + home.rng.randrange(3), at_us=at_us)


def talk_to_cloud(home: Home, device: Host, at_us: int) -> int:
    """Look the cloud up and talk TLS with it."""
    rng = home.rng
    server = home.server_of(device)
    if happens(rng, 0.5):
        at_us = dns.lookup(home.scene, device, home.resolver, server, at_us=at_us)
    return tls.session(
        home.scene,
        device,
        server,
        at_us=at_us,
        turns=1 + rng.randrange(4),
        up_bytes=log_uniform(rng, 60, 1500),
        down_bytes=log_uniform(rng, 80, 5000),
        pause_us=log_uniform(rng, 1000, 8_000_000),
    )


def hold_cloud_line(home: Home, device: Host, at_us: int) -> int:
    """Keep a TLS connection open with a small beat."""
    rng = home.rng
    return tls.keep_alive_session(
        home.scene,
        device,
        home.server_of(device, 2),
        at_us=at_us,
        port=weighted(rng, ((3, 443), (1, 8883))),
        beats=2 + rng.randrange(12),
        beat_us=weighted(rng, ((2, 15_000_000), (3, 30_000_000), (3, 60_000_000))),
        up_bytes=31 + rng.randrange(30),
        down_bytes=31 + rng.randrange(20),
    )


def poll_web(home: Home, device: Host, at_us: int) -> int:
    """Fetch a small page from a server or a neighbour."""
    rng = home.rng
    server = home.server_of(device, 3) if happens(rng, 0.6) else home.neighbour_of(device, rng.randrange(4))
    return http.fetch(
        home.scene,
        device,
        server,
        at_us=at_us,
        requests=1 + (rng.randrange(4) if happens(rng, 0.25) else 0),
        path=f"/api/v1/{device.name}",
        pause_us=log_uniform(rng, 1000, 4_000_000),
        upload_bytes=rng.randrange(40, 700) if happens(rng, 0.2) else 0,
        method="GET",
        lost_syns=1 if happens(rng, 0.02) else 0,
    )


def send_readings(home: Home, device: Host, at_us: int) -> int:
    """Publish readings by MQTT."""
    rng = home.rng
    return mqtt.reading_session(
        home.scene,
        device,
        home.server_of(device, 4),
        at_us=at_us,
        readings=1 + rng.randrange(8),
        pause_us=log_uniform(rng, 500_000, 90_000_000),
        keep_alive_s=weighted(rng, ((1, 15), (2, 30), (4, 60))),
    )


def read_sensor(home: Home, device: Host, at_us: int) -> int:
    """Poll a neighbour by CoAP."""
    return coap.poll(
        home.scene,
        device,
        home.neighbour_of(device, 1),
        at_us=at_us,
        times=1 + home.rng.randrange(5),
        pause_us=log_uniform(home.rng, 200_000, 20_000_000),
    )


def watch_camera(home: Home, device: Host, at_us: int) -> int:
    """Look at a camera of the same network for a few seconds."""
    return rtsp.watch(
        home.scene,
        device,
        home.neighbour_of(device, 2),
        at_us=at_us,
        frames=home.rng.randrange(6, 60),
        frame_bytes=home.rng.randrange(900, 3000),
    )


def upload_clip(home: Home, device: Host, at_us: int) -> int:
    """Send a short recording to the cloud over TLS."""
    return tls.session(
        home.scene,
        device,
        home.server_of(device, 5),
        at_us=at_us,
        turns=1,
        up_bytes=log_uniform(home.rng, 8000, 90_000),
        down_bytes=200,
    )


def stream_music(home: Home, device: Host, at_us: int) -> int:
    """Receive a piece of audio over HTTP."""
    return http.fetch(
        home.scene,
        device,
        home.server_of(device, 5),
        at_us=at_us,
        body_bytes=log_uniform(home.rng, 4000, 80_000),
        path="/a.mp3",
    )


def browse(home: Home, device: Host, at_us: int) -> int:
    """Open a page: a few look-ups and several connections almost at once."""
    rng = home.rng
    end_us = at_us
    for number in range(2 + rng.randrange(4)):
        server = home.server_of(device, number + rng.randrange(12))
        start_us = dns.lookup(home.scene, device, home.resolver, server, at_us=at_us + rng.randrange(400_000))
        end_us = max(
            end_us,
            tls.session(
                home.scene,
                device,
                server,
                at_us=start_us + rng.randrange(90_000),
                turns=1 + rng.randrange(3),
                up_bytes=500,
                down_bytes=log_uniform(rng, 400, 40_000),
                pause_us=log_uniform(rng, 5000, 3_000_000),
            ),
        )
    return end_us


# -- easily mistaken for an attack
# -------------------------------------------------------------------------------------


def retry_dead_server(home: Home, device: Host, at_us: int) -> int:
    """Try a server that is gone: SYN after SYN, like a bot whose C&C was taken down."""
    talk = TcpConversation(
        home.scene,
        device,
        home.dead_server_of(device),
        weighted(home.rng, ((2, 443), (2, 80), (1, 8883), (1, 6667))),
        at_us=at_us,
    ).attempt(retries=weighted(home.rng, ((2, 1), (5, 2), (3, 3), (1, 4), (1, 5))))
    return talk.now_us


def knock_at_closed_port(home: Home, device: Host, at_us: int) -> int:
    """Look for a service that a neighbour or a server no longer offers: SYN, RST, often a second try, like a
    port scan.
    """
    rng = home.rng
    target = (
        home.neighbour_of(device, rng.randrange(9))
        if happens(rng, 0.7)
        else home.server_of(device, rng.randrange(9))
    )
    for _ in range(weighted(rng, ((3, 1), (2, 2), (1, 4)))):
        port = weighted(
            rng, ((2, 80), (1, 8080), (1, 443), (1, 554), (1, 23), (1, 22), (2, 49152 + rng.randrange(40)))
        )
        at_us = (
            TcpConversation(home.scene, device, target, port, at_us=at_us)
            .attempt(retries=0, refused=True)
            .now_us
        )
        at_us += log_uniform(rng, 2000, 2_000_000)
    return at_us


def probe_open_port(home: Home, device: Host, at_us: int) -> int:
    """Check that a service is there and hang up at once, like a connect scan: reachability checks of apps and
    monitors.
    """
    target = (
        home.neighbour_of(device, home.rng.randrange(9))
        if happens(home.rng, 0.5)
        else home.server_of(device, home.rng.randrange(9))
    )
    talk = TcpConversation(
        home.scene, device, target, weighted(home.rng, ((3, 80), (2, 443), (1, 22))), at_us=at_us
    ).connect()
    talk.pause(home.rng.randrange(100, 4000)).close(
        CLIENT, style=weighted(home.rng, ((3, "reset"), (2, "four"), (2, "three"), (1, "vanish")))
    )
    return talk.now_us


def administer_by_telnet(home: Home, device: Host, at_us: int) -> int:
    """Log in to an old device, with a typing error now and then; scripts do the same in one go."""
    rng = home.rng
    human = happens(rng, 0.35)
    talk = TcpConversation(
        home.scene, device, home.neighbour_of(device, 3), telnet.TELNET_PORT, at_us=at_us
    ).connect()
    telnet.greet(talk, home.scene, banner="router")
    while happens(rng, 0.35):
        telnet.try_login(talk, home.scene, "admin", "amdin", succeeds=False, human=human)
    telnet.try_login(talk, home.scene, "admin", "secret12", succeeds=True, human=human)
    telnet.run_commands(talk, home.scene, [("uptime", 60), ("cat /proc/net/dev", 300)][: rng.randrange(3)])
    telnet.finish(talk, home.scene)
    return talk.now_us


def beat_small(home: Home, device: Host, at_us: int) -> int:
    """Hold a plain connection open with messages of two to twelve bytes, like a bot waiting for orders."""
    rng = home.rng
    talk = TcpConversation(
        home.scene,
        device,
        home.server_of(device, 4),
        weighted(rng, ((2, 5222), (2, 8000), (1, 1883))),
        at_us=at_us,
    ).connect()
    size, beat_us = (
        weighted(rng, ((3, 2), (1, 4), (1, 12))),
        weighted(rng, ((1, 10_000_000), (2, 30_000_000), (3, 60_000_000))),
    )
    talk.say(CLIENT, ciphertext(rng, 4 + rng.randrange(60)), think_us=rng.randrange(500, 60_000))
    for _ in range(2 + rng.randrange(8)):
        talk.say(CLIENT, ciphertext(rng, size), think_us=around(rng, beat_us, 0.01))
        if happens(rng, 0.8):
            talk.say(SERVER, ciphertext(rng, size), think_us=rng.randrange(100, 9000))
    talk.pause(900_000)
    http.close_somehow(talk, home.scene)
    return talk.now_us


def beat_by_datagram(home: Home, device: Host, at_us: int) -> int:
    """Tell the cloud by UDP that one is still there."""
    rng = home.rng
    server, port, size = home.server_of(device, 4), home.scene.lan.free_port(device), rng.randrange(20, 150)
    for _ in range(2 + rng.randrange(5)):
        answer = ciphertext(rng, size) if happens(rng, 0.8) else None
        at_us = exchange(
            home.scene, device, server, 10001, ciphertext(rng, size), answer, at_us=at_us, client_port=port
        )
        at_us += around(rng, 20_000_000, 0.05)
    return at_us


def burst_datagrams(home: Home, device: Host, at_us: int) -> int:
    """Push video or sound to a relay with hardly an answer, like a UDP flood of one source."""
    rng = home.rng
    server, port, size = (
        home.server_of(device, 5),
        home.scene.lan.free_port(device),
        weighted(rng, ((2, 512), (1, 1400), (1, 160))),
    )
    pause_us = log_uniform(rng, 80, 20_000)
    for number in range(log_uniform(rng, 2, 90)):
        datagram(
            home.scene,
            device,
            server.address,
            src_port=port,
            dst_port=40_000 + port % 900,
            payload=ciphertext(rng, size),
            at_us=at_us,
        )
        if number % 16 == 15 and happens(rng, 0.5):
            datagram(
                home.scene,
                server,
                device.address,
                src_port=40_000 + port % 900,
                dst_port=port,
                payload=ciphertext(rng, 40),
                at_us=at_us + server.delay_us,
            )
        at_us += around(rng, pause_us, 0.6)
    return at_us


def burst_requests(home: Home, device: Host, at_us: int) -> int:
    """Fetch many small pages one after the other, like an HTTP flood: thumbnails, a firmware list."""
    rng = home.rng
    server = home.server_of(device, 3)
    for _ in range(3 + rng.randrange(8)):
        http.fetch(
            home.scene, device, server, at_us=at_us, path="/thumb", body_bytes=log_uniform(rng, 100, 3000)
        )
        at_us += log_uniform(rng, 3000, 400_000)
    return at_us


def check_line(home: Home, device: Host, at_us: int) -> int:
    """Ping the gateway or a server."""
    target = home.resolver if happens(home.rng, 0.6) else home.server_of(device, 2)
    return ping(
        home.scene,
        device,
        target,
        times=1 + home.rng.randrange(5),
        at_us=at_us,
        ident=home.rng.getrandbits(16),
        answered=not happens(home.rng, 0.1),
    )


def half_open(home: Home, device: Host, at_us: int) -> int:
    """Start a connection and fall asleep: the server repeats its SYN-ACK, as towards the forged sources of a
    SYN flood.
    """
    rng = home.rng
    server = home.server_of(device, 3) if happens(rng, 0.6) else home.neighbour_of(device, 4)
    half_open_connection(home, device, server, 443, at_us)
    return at_us + 8_000_000


def half_open_connection(home: Home, device: Host, server: Host, port: int, at_us: int) -> None:
    """Put a SYN and one to four SYN-ACKs on the wire."""
    talk = TcpConversation(home.scene, device, server, port, at_us=at_us)
    talk.attempt(retries=home.rng.randrange(2))
    talk.unanswered_syn_acks(weighted(home.rng, ((2, 1), (2, 2), (2, 3), (1, 4))))
