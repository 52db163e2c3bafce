"""ARP spoofing: the attacker tells two victims that it is the other one, and passes their packets on."""

from __future__ import annotations

from dataclasses import dataclass

from iotids.testbed.chance import around, happens
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Lan, Scene
from iotids.testbed.tape import BENIGN, Label
from iotids.testbed.wire import ETHERTYPE_IPV4, TCP, arp_message, checksum


@dataclass(frozen=True)
class Relay:
    """How well the spoofing works: whose packets are diverted, what the relay does to them, what the capture
    misses.
    """

    attacker: Host
    fooled: tuple[int, ...] | None  # addresses whose packets go through the attacker; None: everybody's
    delay_us: int = 900
    lowers_ttl: bool = True
    missed_share: float = 0.12  # share of the two copies that the monitoring station did not hear


class SpoofedLan(Lan):
    """The same network while an attacker relays: a diverted packet is seen twice, once to and once from the
    attacker.
    """

    def __init__(self, lan: Lan, relay: Relay) -> None:
        super().__init__(lan.gateway, (), lan.tape, lan.rng, padded=lan.padded)
        self.hardware, self._next_port, self._ident = lan.hardware, lan._next_port, lan._ident
        self.relay = relay

    def put(self, time_us: int, src: int, dst: int, packet: bytes, label: Label) -> None:
        """Put a packet on the wire, by way of the attacker if it is TCP (all that the published rules name)
        of a fooled sender.
        """
        relay, rng = self.relay, self.rng
        if packet[9] != TCP or (relay.fooled is not None and src not in relay.fooled):
            super().put(time_us, src, dst, packet, BENIGN)
            return
        heard_first, heard_second = not happens(rng, relay.missed_share), not happens(rng, relay.missed_share)
        if heard_first or not heard_second:
            self.put_frame(
                time_us, relay.attacker.hardware, self.hardware_of(src), ETHERTYPE_IPV4, packet, label
            )
        if heard_second:
            passed_on = with_lower_ttl(packet) if relay.lowers_ttl else packet
            later_us = time_us + 60 + around(rng, relay.delay_us, 0.6)
            self.put_frame(
                later_us, self.hardware_of(dst), relay.attacker.hardware, ETHERTYPE_IPV4, passed_on, label
            )


def with_lower_ttl(packet: bytes) -> bytes:
    """Return the IP packet as a router passes it on: one hop less to live, checksum corrected."""
    head = packet[:8] + bytes([packet[8] - 1, packet[9]]) + b"\0\0" + packet[12:20]
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + packet[20:]


def poison(
    scene: Scene,
    attacker: Host,
    victims: tuple[Host, Host],
    *,
    start_us: int,
    end_us: int,
    every_us: int = 1_500_000,
) -> None:
    """Send forged ARP answers to both victims again and again, so that their tables do not recover."""
    at_us = start_us
    while at_us < end_us:
        for victim, other in (victims, victims[::-1]):
            lie = arp_message(2, attacker.hardware, other.address, victim.hardware, victim.address)
            scene.lan.put_arp(at_us, victim.hardware, attacker.hardware, lie, scene.label)
            at_us += 200 + scene.rng.randrange(4000)
        at_us += around(scene.rng, every_us, 0.1)
