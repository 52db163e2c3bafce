"""The captured network: gives IP packets their Ethernet header and puts them on the tape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

from iotids.testbed.hosts import Host
from iotids.testbed.tape import BENIGN, Label, Tape
from iotids.testbed.wire import BROADCAST_MAC, ETHERTYPE_ARP, ETHERTYPE_IPV4, arp_message, ethernet

FIRST_EPHEMERAL_PORT = 32_768
LAST_EPHEMERAL_PORT = 60_999


def multicast_mac(address: int) -> bytes:
    """Return the Ethernet group of an IPv4 multicast address (RFC 1112)."""
    return b"\x01\x00\x5e" + (address & 0x7FFFFF).to_bytes(3, "big")


class Lan:
    """Hosts of one Ethernet with a gateway; knows which hardware address an IP packet travels under."""

    def __init__(
        self, gateway: Host, hosts: Iterable[Host], tape: Tape, rng: Random, *, padded: bool = False
    ) -> None:
        self.gateway = gateway
        self.tape = tape
        self.rng = rng
        self.padded = padded
        self.hardware = {host.address: host.hardware for host in (gateway, *hosts)}
        self._next_port: dict[int, int] = {}
        self._ident: dict[int, int] = {}

    def hardware_of(self, address: int) -> bytes:
        """Return the hardware address that a packet to or from this IP address carries here."""
        if address >> 28 == 0xE:
            return multicast_mac(address)
        if address in (0xFFFFFFFF, self.gateway.address | 0xFF):
            return BROADCAST_MAC
        return self.hardware.get(address, self.gateway.hardware)

    def put(self, time_us: int, src: int, dst: int, packet: bytes, label: Label) -> None:
        """Put an IPv4 packet on the wire between these two addresses."""
        self.put_frame(time_us, self.hardware_of(dst), self.hardware_of(src), ETHERTYPE_IPV4, packet, label)

    def put_frame(
        self, time_us: int, dst: bytes, src: bytes, ethertype: int, payload: bytes, label: Label
    ) -> None:
        """Put any payload on the wire between two hardware addresses."""
        self.tape.add(time_us, ethernet(dst, src, ethertype, payload, padded=self.padded), label)

    def put_arp(self, time_us: int, dst: bytes, src: bytes, message: bytes, label: Label) -> None:
        """Put an ARP message on the wire."""
        self.put_frame(time_us, dst, src, ETHERTYPE_ARP, message, label)

    def free_port(self, host: Host) -> int:
        """Hand out the next ephemeral port of a host; steps are small and uneven, so no port comes back soon."""
        port = self._next_port.get(host.address)
        if port is None:
            port = self.rng.randrange(FIRST_EPHEMERAL_PORT, LAST_EPHEMERAL_PORT)
        port += 1 + self.rng.randrange(3)
        if port > LAST_EPHEMERAL_PORT:
            port = FIRST_EPHEMERAL_PORT + self.rng.randrange(512)
        self._next_port[host.address] = port
        return port

    def next_ident(self, host: Host) -> int:
        """Hand out the next IP identification of a host, counted up as most stacks do."""
        ident = self._ident.get(host.address)
        ident = self.rng.getrandbits(16) if ident is None else (ident + 1) & 0xFFFF
        self._ident[host.address] = ident
        return ident


@dataclass(frozen=True)
class Scene:
    """Where a conversation happens, which random stream it draws from, and what it truly is."""

    lan: Lan
    rng: Random
    label: Label = BENIGN
    loss: float = 0.004  # share of data segments that are seen twice because the first copy got lost later
    disorder: float = 0.003  # share of segments that overtake their predecessor
    joint_fin: bool = False  # hosts that answer a FIN always put their own FIN into the same packet

    def labelled(self, category: str, activity: str) -> Scene:
        """Return the same scene for a conversation of another kind."""
        return replace(self, label=Label(category, activity))

    def put(self, time_us: int, src: int, dst: int, packet: bytes) -> None:
        """Put an IPv4 packet on the wire under this scene's label."""
        self.lan.put(time_us, src, dst, packet, self.label)

    def ask_who_has(self, time_us: int, asker: Host, target_address: int, *, answer: Host | None) -> int:
        """Broadcast an ARP request and, if somebody has the address, the answer; return the time afterwards."""
        question = arp_message(1, asker.hardware, asker.address, b"\0" * 6, target_address)
        self.lan.put_arp(time_us, BROADCAST_MAC, asker.hardware, question, self.label)
        if answer is None:
            return time_us
        time_us += 150 + self.rng.randrange(2 + answer.delay_us)
        reply = arp_message(2, answer.hardware, answer.address, asker.hardware, asker.address)
        self.lan.put_arp(time_us, asker.hardware, answer.hardware, reply, self.label)
        return time_us
