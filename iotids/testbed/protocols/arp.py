"""ARP between neighbours: the questions every network is full of."""

from __future__ import annotations

from collections.abc import Sequence

from iotids.testbed.chance import waiting
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.wire import arp_message


def refresh(scene: Scene, asker: Host, neighbour: Host, *, at_us: int) -> int:
    """Let a host check by unicast that its neighbour still has the address, as Linux does every minute or so."""
    question = arp_message(1, asker.hardware, asker.address, b"\0" * 6, neighbour.address)
    scene.lan.put_arp(at_us, neighbour.hardware, asker.hardware, question, scene.label)
    at_us += 120 + scene.rng.randrange(2 + neighbour.delay_us)
    answer = arp_message(2, neighbour.hardware, neighbour.address, asker.hardware, asker.address)
    scene.lan.put_arp(at_us, asker.hardware, neighbour.hardware, answer, scene.label)
    return at_us


def chatter(
    scene: Scene,
    hosts: Sequence[Host],
    *,
    start_us: int,
    end_us: int,
    mean_pause_us: int,
    broadcast: bool = True,
) -> None:
    """Let random pairs of hosts look each other up now and then."""
    at_us = start_us + waiting(scene.rng, mean_pause_us)
    while at_us < end_us:
        asker = hosts[scene.rng.randrange(len(hosts))]
        neighbour = hosts[scene.rng.randrange(len(hosts))]
        if asker is not neighbour:
            if broadcast and scene.rng.random() < 0.3:
                scene.ask_who_has(at_us, asker, neighbour.address, answer=neighbour)
            else:
                refresh(scene, asker, neighbour, at_us=at_us)
        at_us += waiting(scene.rng, mean_pause_us)
