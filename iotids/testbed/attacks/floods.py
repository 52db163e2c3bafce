"""Floods: SYN with forged sources as in D1; UDP, ACK, SYN and HTTP floods of bots as in D1 and D4."""

from __future__ import annotations

from dataclasses import dataclass

from iotids.testbed.attacks.forged import refusal, segment
from iotids.testbed.chance import around, happens, log_uniform, weighted
from iotids.testbed.hosts import LINUX_3, Host
from iotids.testbed.lan import Scene
from iotids.testbed.protocols.ciphertext import ciphertext
from iotids.testbed.protocols.http import fetch
from iotids.testbed.tcp_options import syn_options
from iotids.testbed.udp import datagram
from iotids.testbed.wire import ACK, PSH, RST, SYN


@dataclass(frozen=True)
class ForgedSource:
    """Where a SYN flood pretends to come from, and who really sends it."""

    first_byte: int
    hardware: bytes
    window: int
    with_mss: bool


def syn_flood(
    scene: Scene,
    victim: Host,
    port: int,
    source: ForgedSource,
    *,
    at_us: int,
    syns: int,
    answered: int,
    pause_us: int,
) -> int:
    """Flood a port with SYNs of forged sources; only `answered` of them, spread evenly, leave more than the
    SYN itself.

    The victim's backlog is full nearly all the time, so most SYNs stay alone.  Some get SYN-ACKs, which are
    repeated because nobody confirms them; sometimes the true owner of the address refuses; sometimes the tool
    draws the same source twice.
    """
    rng = scene.rng
    step = max(1, syns // max(1, answered))
    for number in range(syns):
        address = source.first_byte << 24 | rng.getrandbits(24)
        forged = Host("forged", address, LINUX_3, b"", log_uniform(rng, 20_000, 300_000), 0)
        src_port, seq = 1024 + rng.randrange(64_000), rng.getrandbits(32)
        options = syn_options("mss", mss=1460, shift=0, own_time=0) if source.with_mss else b""

        def send_syn(
            when_us: int,
            forged: Host = forged,
            src_port: int = src_port,
            seq: int = seq,
            options: bytes = options,
        ) -> None:
            segment(
                scene,
                forged,
                victim,
                src_port=src_port,
                dst_port=port,
                flags=SYN,
                seq=seq,
                window=source.window,
                at_us=when_us,
                options=options,
                via=source.hardware,
            )

        send_syn(at_us)
        if number % step == 0 and number // step < answered:
            if happens(rng, 0.2):
                send_syn(at_us + around(rng, 900_000, 0.8))
            else:
                _answers_to_forged_syn(
                    scene, victim, forged, port=port, forged_port=src_port, ack=seq + 1, at_us=at_us
                )
        at_us += around(rng, pause_us, 0.9)
    return at_us


def _answers_to_forged_syn(
    scene: Scene, victim: Host, forged: Host, *, port: int, forged_port: int, ack: int, at_us: int
) -> None:
    """Let the victim send its SYN-ACKs, and now and then the true owner of the source address a RST."""
    rng = scene.rng
    seq, wait_us = rng.getrandbits(32), 1_000_000
    at_us += 60 + around(rng, victim.delay_us, 0.4)
    options = syn_options("mss", mss=victim.stack.mss, shift=0, own_time=0)
    for _ in range(weighted(rng, ((3, 1), (2, 2), (2, 3), (1, 4), (1, 5)))):
        segment(
            scene,
            victim,
            forged,
            src_port=port,
            dst_port=forged_port,
            flags=SYN | ACK,
            seq=seq,
            ack=ack,
            window=victim.stack.syn_ack_window,
            at_us=at_us,
            options=options,
            ident=0,
            dont_fragment=True,
        )
        if happens(rng, 0.2):
            segment(
                scene,
                forged,
                victim,
                src_port=forged_port,
                dst_port=port,
                flags=RST,
                seq=ack,
                window=0,
                at_us=at_us + forged.delay_us,
            )
            return
        at_us += around(rng, wait_us, 0.03)
        wait_us *= 2


def udp_flood(
    scene: Scene,
    bot: Host,
    target: Host,
    *,
    at_us: int,
    sockets: int,
    packets_each: int,
    size_bytes: int,
    pause_us: int,
) -> int:
    """Send large datagrams from a few sockets to random ports, each socket to one port; hardly anything comes
    back.
    """
    rng = scene.rng
    end_us = at_us
    for _ in range(sockets):
        src_port, dst_port = 1024 + rng.randrange(64_000), 1 + rng.randrange(65_534)
        when_us = at_us + rng.randrange(2_000_000)
        for number in range(max(2, log_uniform(rng, packets_each / 6, packets_each * 2.5))):
            datagram(
                scene,
                bot,
                target.address,
                src_port=src_port,
                dst_port=dst_port,
                payload=ciphertext(rng, size_bytes),
                at_us=when_us,
            )
            if number % 24 == 23 and happens(rng, 0.15):
                datagram(
                    scene,
                    target,
                    bot.address,
                    src_port=dst_port,
                    dst_port=src_port,
                    payload=ciphertext(rng, 40),
                    at_us=when_us + target.delay_us,
                )
            when_us += around(rng, pause_us, 0.8)
        end_us = max(end_us, when_us)
        at_us += rng.randrange(60_000)
    return end_us


def ack_flood(
    scene: Scene,
    bot: Host,
    target: Host,
    *,
    at_us: int,
    sockets: int,
    packets_each: int,
    size_bytes: int,
    pause_us: int,
) -> int:
    """Send ACK segments that belong to no connection; the firewall before the target refuses at most one of
    each socket with RST.
    """
    rng = scene.rng
    end_us = at_us
    for _ in range(sockets):
        src_port, window = 1024 + rng.randrange(64_000), rng.getrandbits(16)
        dst_port = weighted(rng, ((3, 80), (1, 443), (1, rng.randrange(1, 65535))))
        when_us = at_us + rng.randrange(1_500_000)
        count = max(2, log_uniform(rng, packets_each / 6, packets_each * 2.5))
        refused = rng.randrange(count) if happens(rng, 0.6) else -1
        for number in range(count):
            size = around(rng, size_bytes, 0.02) if size_bytes else 0
            segment(
                scene,
                bot,
                target,
                src_port=src_port,
                dst_port=dst_port,
                flags=ACK | (PSH if happens(rng, 0.05) else 0),
                seq=rng.getrandbits(32),
                ack=rng.getrandbits(32),
                window=window,
                at_us=when_us,
                payload=ciphertext(rng, size),
            )
            if number == refused:
                segment(
                    scene,
                    target,
                    bot,
                    src_port=dst_port,
                    dst_port=src_port,
                    flags=RST,
                    seq=rng.getrandbits(32),
                    window=0,
                    at_us=when_us + around(rng, target.delay_us, 0.3),
                    ident=0,
                    dont_fragment=True,
                )
            when_us += around(rng, pause_us, 0.8)
        end_us = max(end_us, when_us)
    return end_us


def bot_syn_flood(
    scene: Scene, bot: Host, target: Host, port: int, *, at_us: int, sockets: int, pause_us: int
) -> int:
    """Send SYNs with the bot's own address and the options of an ordinary Linux; answers are SYN-ACKs, then
    the bot's RST.
    """
    rng = scene.rng
    window = weighted(rng, ((2, 5840), (2, 14600), (2, 29200), (1, rng.getrandbits(16))))
    for _ in range(sockets):
        src_port, seq = 1024 + rng.randrange(64_000), rng.getrandbits(32)
        options = syn_options("linux", mss=1400 + rng.randrange(60), shift=6, own_time=rng.getrandbits(31))
        tries = 1 + rng.randrange(3)
        for number in range(tries):
            when_us = at_us + number * around(rng, 900_000, 0.5)
            segment(
                scene,
                bot,
                target,
                src_port=src_port,
                dst_port=port,
                flags=SYN,
                seq=seq + number * rng.getrandbits(20),
                window=window,
                at_us=when_us,
                options=options,
            )
            if happens(rng, 0.45):
                reply_us = when_us + around(rng, target.delay_us, 0.3)
                segment(
                    scene,
                    target,
                    bot,
                    src_port=port,
                    dst_port=src_port,
                    flags=SYN | ACK,
                    seq=rng.getrandbits(32),
                    ack=seq + 1,
                    window=target.stack.syn_ack_window,
                    at_us=reply_us,
                    ident=0,
                    dont_fragment=True,
                    options=syn_options("mss", mss=1460, shift=0, own_time=0),
                )
                segment(
                    scene,
                    bot,
                    target,
                    src_port=src_port,
                    dst_port=port,
                    flags=RST,
                    seq=seq + 1,
                    window=0,
                    at_us=reply_us + 40,
                    ident=0,
                )
            elif happens(rng, 0.3):
                refusal(
                    scene,
                    target,
                    bot,
                    refuser_port=port,
                    asker_port=src_port,
                    ack=seq + 1,
                    at_us=when_us + around(rng, target.delay_us, 0.3),
                )
        at_us += around(rng, pause_us, 0.9)
    return at_us


def http_flood(scene: Scene, bot: Host, target: Host, *, at_us: int, connections: int, pause_us: int) -> int:
    """Open connections and ask for pages, some several times, as fast as the pause says; connections overlap."""
    rng = scene.rng
    end_us = at_us
    for _ in range(connections):
        end_us = max(
            end_us,
            fetch(
                scene,
                bot,
                target,
                at_us=at_us,
                path=weighted(rng, ((3, "/"), (1, "/index.html"), (1, "/thumb"))),
                requests=weighted(rng, ((4, 1), (1, 2), (1, 4))),
                body_bytes=log_uniform(rng, 100, 4000),
                pause_us=log_uniform(rng, 1000, 1_000_000),
                method=weighted(rng, ((4, "GET"), (1, "POST"))),
                lost_syns=weighted(rng, ((9, 0), (1, 1))),
            ),
        )
        at_us += around(rng, pause_us, 0.9)
    return end_us
