"""A Mirai bot: telnet scan with its known mark, dictionary log-ins, command-and-control connection.

Source of the behaviour: the published 2016 source code as described in the literature (Antonakakis et al.,
USENIX Security 2017): the scanner's SYN has the destination address as sequence number, no options, a fixed
source port and one window value per run; it asks port 23 nine times of ten and 2323 otherwise.  The bot's
keep-alive is two bytes a minute, which the server sends back.
"""

from __future__ import annotations

from dataclasses import dataclass

from iotids.testbed.attacks.forged import refusal, segment
from iotids.testbed.chance import around, happens, log_uniform, weighted
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.protocols import telnet
from iotids.testbed.protocols.ciphertext import ciphertext
from iotids.testbed.tcp import CLIENT, SERVER, TcpConversation
from iotids.testbed.tcp_options import syn_options
from iotids.testbed.wire import ACK, RST, SYN

ALONE, REPEATED, REFUSED, ANSWERED = "alone", "repeated", "refused", "answered"


@dataclass(frozen=True)
class Bot:
    """An infected host and what one run of its scanner has fixed."""

    host: Host
    scan_port: int
    scan_window: int
    ports: tuple[tuple[float, int], ...] = ((9, 23), (1, 2323))
    connects: bool = False  # variants that scan with ordinary connections, as IoT-23 shows for newer ones


def scan_one(scene: Scene, bot: Bot, target: Host, outcome: str, *, at_us: int) -> int:
    """Ask one address for telnet; `outcome` says what comes back."""
    rng = scene.rng
    port = weighted(rng, bot.ports)
    if bot.connects:
        return _scan_by_connection(scene, bot, target, port, outcome, at_us=at_us)
    seq = target.address
    for number in range(2 if outcome == REPEATED else 1):
        segment(
            scene,
            bot.host,
            target,
            src_port=bot.scan_port,
            dst_port=port,
            flags=SYN,
            seq=seq,
            window=bot.scan_window,
            at_us=at_us + number * log_uniform(rng, 300_000, 9_000_000),
        )
    reply_us = at_us + 20 + around(rng, target.delay_us, 0.3)
    if outcome == REFUSED:
        refusal(
            scene, target, bot.host, refuser_port=port, asker_port=bot.scan_port, ack=seq + 1, at_us=reply_us
        )
    if outcome == ANSWERED:
        segment(
            scene,
            target,
            bot.host,
            src_port=port,
            dst_port=bot.scan_port,
            flags=SYN | ACK,
            seq=rng.getrandbits(32),
            ack=seq + 1,
            window=target.stack.syn_ack_window,
            at_us=reply_us,
            ident=0,
            dont_fragment=True,
            options=syn_options("mss", mss=target.stack.mss, shift=0, own_time=0),
        )
        segment(
            scene,
            bot.host,
            target,
            src_port=bot.scan_port,
            dst_port=port,
            flags=RST,
            seq=seq + 1,
            window=0,
            at_us=reply_us + 40 + rng.randrange(300),
            ident=0,
            dont_fragment=True,
        )
    return reply_us


def _scan_by_connection(scene: Scene, bot: Bot, target: Host, port: int, outcome: str, *, at_us: int) -> int:
    talk = TcpConversation(scene, bot.host, target, port, at_us=at_us)
    if outcome == ANSWERED:
        talk.connect().pause(scene.rng.randrange(60, 5000)).close(
            CLIENT, style=weighted(scene.rng, ((3, "reset"), (2, "four"), (1, "three")))
        )
    else:
        talk.attempt(
            retries={ALONE: 0, REFUSED: 0, REPEATED: weighted(scene.rng, ((3, 1), (3, 2), (1, 3)))}[outcome],
            refused=outcome == REFUSED,
        )
    return talk.now_us


def break_in(
    scene: Scene, bot: Host, target: Host, *, at_us: int, tries: int, succeeds: bool, port: int = 23
) -> int:
    """Try entries of the dictionary, a new connection for each or two of them."""
    rng = scene.rng
    for number in range(tries):
        talk = TcpConversation(scene, bot, target, port, at_us=at_us).connect(
            lost_syns=1 if happens(rng, 0.03) else 0
        )
        if happens(rng, 0.1):
            talk.pause(log_uniform(rng, 1_000_000, 9_000_000)).close(
                CLIENT, style="four" if happens(rng, 0.5) else "reset"
            )
        else:
            telnet.greet(talk, scene, banner=target.name)
            last = succeeds and number == tries - 1
            for _ in range(1 + rng.randrange(2)):
                user, password = telnet.DICTIONARY[rng.randrange(len(telnet.DICTIONARY))]
                telnet.try_login(talk, scene, user, password, succeeds=last)
            if last:
                telnet.run_commands(talk, scene, [("enable", 8), ("sh", 2), ("/bin/busybox MIRAI", 28)])
            telnet.finish(talk, scene)
        at_us = talk.now_us + log_uniform(rng, 20_000, 4_000_000)
    return at_us


def knock_at_control(scene: Scene, bot: Host, control: Host, port: int, *, at_us: int) -> int:
    """Try to reach a control server that is down: the SYNs of an ordinary connect call."""
    retries = weighted(scene.rng, ((1, 0), (2, 1), (5, 2), (3, 3), (1, 4), (1, 5)))
    return (
        TcpConversation(scene, bot, control, port, at_us=at_us)
        .attempt(retries=retries, refused=happens(scene.rng, 0.05))
        .now_us
    )


def stay_in_touch(
    scene: Scene, bot: Host, control: Host, port: int, *, at_us: int, beats: int, beat_us: int = 60_000_000
) -> int:
    """Sign in at the control server and exchange two bytes a minute, now and then with an order in between."""
    rng = scene.rng
    talk = TcpConversation(scene, bot, control, port, at_us=at_us).connect()
    talk.say(CLIENT, b"\0\0\0\1" + ciphertext(rng, rng.randrange(1, 12)), think_us=rng.randrange(300, 60_000))
    for _ in range(beats):
        talk.say(CLIENT, b"\0\0", think_us=around(rng, beat_us, 0.01))
        if happens(rng, 0.9):
            talk.say(SERVER, b"\0\0", think_us=rng.randrange(60, 9000))
        if happens(rng, 0.08):
            talk.say(
                SERVER, ciphertext(rng, 14 + rng.randrange(40)), think_us=rng.randrange(1_000_000, 20_000_000)
            )
    talk.pause(700_000)
    talk.close(
        weighted(rng, ((1, CLIENT), (2, SERVER))),
        style=weighted(rng, ((2, "four"), (2, "three"), (1, "reset"), (1, "vanish"))),
    )
    return talk.now_us


def chat_with_control(scene: Scene, bot: Host, control: Host, port: int, *, at_us: int) -> int:
    """Talk IRC with the control server: name, greeting, half a minute of silence, the server hangs up."""
    rng = scene.rng
    talk = TcpConversation(scene, bot, control, port, at_us=at_us).connect(
        lost_syns=1 if happens(rng, 0.05) else 0
    )
    nick = f"[{rng.getrandbits(20):05x}]"
    talk.say(
        CLIENT,
        f"NICK {nick}\r\nUSER {nick} localhost localhost :{nick}\r\n".encode(),
        think_us=rng.randrange(300, 9000),
    )
    talk.say(
        SERVER,
        f":irc.example NOTICE AUTH :*** Looking up your hostname...\r\nPING :{rng.getrandbits(32):08X}\r\n".encode(),
        think_us=log_uniform(rng, 2000, 900_000),
    )
    if happens(rng, 0.5):
        talk.say(CLIENT, b"PONG\r\n", think_us=rng.randrange(300, 9000))
    talk.say(
        SERVER,
        b"ERROR :Closing Link: " + b"x" * rng.randrange(20, 120) + b" (Ping timeout)\r\n",
        think_us=around(rng, 31_000_000, 0.1),
    )
    talk.close(SERVER, style=weighted(rng, ((3, "half"), (2, "three"), (2, "four"), (1, "abort"))))
    return talk.now_us


def download(scene: Scene, bot: Host, server: Host, *, at_us: int) -> int:
    """Fetch a program for another processor from the loader's web server."""
    talk = TcpConversation(scene, bot, server, 80, at_us=at_us).connect(
        lost_syns=1 if happens(scene.rng, 0.2) else 0
    )
    talk.say(CLIENT, b"GET /bins/mirai.arm7 HTTP/1.0\r\nUser-Agent: Wget\r\n\r\n", think_us=900)
    talk.say(
        SERVER,
        b"HTTP/1.0 200 OK\r\n\r\n" + ciphertext(scene.rng, log_uniform(scene.rng, 8000, 60_000)),
        think_us=9000,
    )
    talk.close(SERVER if happens(scene.rng, 0.7) else CLIENT, style="four")
    return talk.now_us
