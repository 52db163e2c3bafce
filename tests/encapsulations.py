"""Every encapsulation that the flow meter knows: its link type and how a frame of it is built around an IP packet.

For tests of everything that must see the same conversation whatever it is wrapped in. `packet` is an IPv4 or IPv6
packet, the result a frame of link type `link`. The outer addresses of tunnels are those of OUTER.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from tests.packets import MAC_A, MAC_B, ethernet, ipv4, ipv6, udp, vlan

OUTER = ("198.51.100.1", "198.51.100.2")
SNAP = bytes.fromhex("aaaa03000000")


@dataclass(frozen=True)
class Encapsulation:
    """A link type and how to build a frame of it; `is_tunnel`: by `--tunnels outer` it is a flow of its own."""

    link: int
    wrap: Callable[[bytes], bytes]
    is_tunnel: bool = False
    carries_ipv6: bool = True


def ethertype(packet: bytes) -> int:
    """The ethertype of an IP packet."""
    return 0x86DD if packet[0] >> 4 == 6 else 0x0800


def typed(packet: bytes) -> bytes:
    """Ethertype and packet."""
    return struct.pack("!H", ethertype(packet)) + packet


def snap(packet: bytes) -> bytes:
    """The packet behind LLC and SNAP."""
    return SNAP + typed(packet)


def ppp(packet: bytes) -> bytes:
    """The packet behind a PPP protocol number."""
    return struct.pack("!H", 0x0057 if packet[0] >> 4 == 6 else 0x0021) + packet


def framed(packet: bytes) -> bytes:
    """The packet in an Ethernet frame."""
    return ethernet(packet, ethertype(packet))


def tagged(kind: int, tag: bytes) -> Callable[[bytes], bytes]:
    """A tag of these bytes before the ethertype."""
    return lambda packet: ethernet(tag + typed(packet), kind)


def carried(kind: int, header: bytes) -> Callable[[bytes], bytes]:
    """A whole Ethernet frame behind an ethertype and a header."""
    return lambda packet: ethernet(header + framed(packet), kind)


def over_ip(protocol: int, wrap: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """A tunnel over IPv4."""
    return lambda packet: ethernet(ipv4(*OUTER, protocol, wrap(packet)))


def over_udp(port: int, wrap: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """A tunnel over UDP."""
    return over_ip(17, lambda packet: udp(40_000, port, wrap(packet)))


def behind(header: str, wrap: Callable[[bytes], bytes] = bytes) -> Callable[[bytes], bytes]:
    """Something behind these bytes, in hexadecimal."""
    return lambda packet: bytes.fromhex(header) + wrap(packet)


def gre(header: str, wrap: Callable[[bytes], bytes] = bytes) -> Callable[[bytes], bytes]:
    """GRE over IPv4 with this header."""
    return over_ip(47, behind(header, wrap))


def gre_of_type(bits: str, rest: str = "") -> Callable[[bytes], bytes]:
    """GRE whose type is the packet's."""
    return over_ip(
        47,
        lambda packet: (
            bytes.fromhex(bits) + struct.pack("!H", ethertype(packet)) + bytes.fromhex(rest) + packet
        ),
    )


def data_frame(
    packet: bytes, *, control: str = "8801", qos: str = "0000", pad: int = 0, extra: str = ""
) -> bytes:
    """An 802.11 frame to the distribution system, LLC inside."""
    header = bytes.fromhex(control) + bytes(2) + MAC_B + MAC_A + MAC_B + bytes(2)
    return header + bytes.fromhex(qos) + bytes(pad) + bytes.fromhex(extra) + snap(packet)


def radiotap(frame: bytes, *, flags: int | None = None) -> bytes:
    """A radiotap header, with flags where given."""
    if flags is None:
        return bytes.fromhex("0000080000000000") + frame
    return struct.pack("<BBHIB", 0, 0, 9, 2, flags) + frame


def radiotap_with_time(frame: bytes) -> bytes:
    """A radiotap header of two presence words, time stamp, and the flag that says that the frame is padded."""
    return struct.pack("<BBHIIIQB", 0, 0, 25, 0x80000003, 0, 0, 7, 0x20) + frame


def aggregate(*packets: bytes) -> bytes:
    """An 802.11 frame that aggregates several, each padded to four bytes but for the last."""
    frame = bytes.fromhex("8801") + bytes(2) + MAC_B + MAC_A + MAC_B + bytes(2) + bytes.fromhex("8000")
    parts = [MAC_B + MAC_A + struct.pack("!H", len(snap(p))) + snap(p) for p in packets]
    return frame + b"".join(part + bytes(-len(part) % 4) for part in parts[:-1]) + parts[-1]


def prism(frame: bytes) -> bytes:
    """A Prism header of 144 bytes."""
    return struct.pack("<II16s", 0x44, 144, b"wlan0") + bytes(120) + frame


def avs(frame: bytes) -> bytes:
    """An AVS header of 64 bytes."""
    return struct.pack(">II", 0x80211001, 64) + bytes(56) + frame


def ppi(link: int, frame: bytes) -> bytes:
    """A PPI header with one field."""
    return struct.pack("<BBHI", 0, 0, 16, link) + struct.pack("<HH4s", 9, 4, b"abcd") + frame


def pktap(link: int, frame: bytes) -> bytes:
    """A PKTAP header of 108 bytes."""
    return struct.pack("<III", 108, 1, link) + bytes(96) + frame


def cooked(kind: int, body: bytes, *, hardware: int = 1, version: int = 1) -> bytes:
    """Linux's cooked header."""
    if version == 1:
        return struct.pack("!HHH8sH", 0, hardware, 6, MAC_A + bytes(2), kind) + body
    return struct.pack("!HHIHBB8s", kind, 0, 2, hardware, 0, 6, MAC_A + bytes(2)) + body


def nflog(packet: bytes, *, big: bool = False) -> bytes:
    """A netfilter log: prefix, hook, then the packet."""
    order = ">" if big else "<"
    fields = struct.pack(order + "HH5s3x", 9, 10, b"abcd") + struct.pack(order + "HH", 8, 1)
    fields += struct.pack("!HBB", ethertype(packet), 0, 0)
    return bytes([2, 0, 0, 0]) + fields + struct.pack(order + "HH", 4 + len(packet), 9) + packet


def isl(packet: bytes) -> bytes:
    """A frame in Cisco's ISL."""
    frame = framed(packet) + bytes(4)
    head = bytes.fromhex("01000c0000") + b"\0" + MAC_A + struct.pack("!H", len(frame) + 12)
    return head + bytes.fromhex("aaaa0300000c") + struct.pack("!HHH", 20, 1, 0) + frame + bytes(4)


def pppoe(packet: bytes) -> bytes:
    """PPPoE's header and PPP."""
    body = ppp(packet)
    return struct.pack("!BBHH", 0x11, 0, 1, len(body)) + body


def nsh(packet: bytes) -> bytes:
    """A network service header with a context of 16 bytes."""
    following = 2 if packet[0] >> 4 == 6 else 1
    return struct.pack("!HBB", 0x0FC6, 1, following) + struct.pack("!I", 0x64FF) + bytes(16) + packet


def gpe(packet: bytes) -> bytes:
    """VXLAN-GPE with the packet's protocol."""
    return struct.pack("!BHBI", 0x0C, 0, 2 if packet[0] >> 4 == 6 else 1, 77 << 8) + packet


def gue(packet: bytes) -> bytes:
    """Generic UDP encapsulation with a private word."""
    return struct.pack("!BBHI", 1, 41 if packet[0] >> 4 == 6 else 4, 0, 0) + packet


def geneve(packet: bytes) -> bytes:
    """Geneve with one option, the packet without Ethernet."""
    return struct.pack("!BBHI", 2, 0, ethertype(packet), 77 << 8) + bytes.fromhex("0102800100000005") + packet


def gtp(packet: bytes) -> bytes:
    """GTP-U with a sequence number and an extension header."""
    body = bytes.fromhex("00070085") + bytes.fromhex("01000500") + packet
    return struct.pack("!BBHI", 0x36, 255, len(body), 1) + body


def l2tp(packet: bytes) -> bytes:
    """L2TP with length, sequence numbers and an offset."""
    body = bytes.fromhex("ff03") + ppp(packet)
    return struct.pack("!HHHHHHH", 0x4A02, 16 + len(body), 1, 1, 3, 4, 2) + bytes(2) + body


def ah(packet: bytes, extra: int = 0) -> bytes:
    """An authentication header between an IPv4 header and its payload."""
    header = struct.pack("!BBHII", packet[9], 4, 0, 1, 1) + bytes(12)
    total = struct.unpack("!H", packet[2:4])[0] + len(header) + extra
    return (
        packet[:2] + struct.pack("!H", total) + packet[4:9] + b"\x33" + packet[10:20] + header + packet[20:]
    )


def bridged_ppp(packet: bytes) -> bytes:
    """A bridged Ethernet frame in PPP."""
    return bytes.fromhex("ff0300310001") + framed(packet)


def bsd_family(packet: bytes, order: str = "<") -> bytes:
    """The address family of BSD."""
    return struct.pack(order + "I", 30 if packet[0] >> 4 == 6 else 2) + packet


def relayed(packet: bytes) -> bytes:
    """Frame relay with a network layer identifier."""
    return bytes.fromhex("184103") + (b"\x8e" if packet[0] >> 4 == 6 else b"\xcc") + packet


def token_ring(packet: bytes, route: bytes = b"") -> bytes:
    """A Token Ring frame."""
    source = bytes([MAC_A[0] | (0x80 if route else 0)]) + MAC_A[1:]
    return b"\x10\x40" + MAC_B + source + route + snap(packet)


def link(number: int, wrap: Callable[[bytes], bytes]) -> Encapsulation:
    """What a link type puts around a packet."""
    return Encapsulation(number, wrap)


def tags(wrap: Callable[[bytes], bytes]) -> Encapsulation:
    """What stands between Ethernet and IP."""
    return Encapsulation(1, wrap)


def tunnel(wrap: Callable[[bytes], bytes], *, carries_ipv6: bool = True) -> Encapsulation:
    """A tunnel over IP."""
    return Encapsulation(1, wrap, is_tunnel=True, carries_ipv6=carries_ipv6)


LINK_LAYERS: dict[str, Encapsulation] = {
    "Ethernet": link(1, framed),
    "Ethernet with padding": link(1, lambda p: framed(p).ljust(60, b"\0") + b"\1\2\3\4"),
    "Ethernet, LLC and SNAP": link(1, lambda p: MAC_B + MAC_A + struct.pack("!H", len(snap(p))) + snap(p)),
    "Ethernet, jumbo LLC": link(1, lambda p: ethernet(snap(p), 0x8870)),
    "ISL": link(1, isl),
    "NULL": link(0, bsd_family),
    "NULL, big-endian": link(0, lambda p: bsd_family(p, ">")),
    "LOOP": link(108, lambda p: bsd_family(p, ">")),
    "raw 12": link(12, bytes),
    "raw 14": link(14, bytes),
    "raw 101": link(101, bytes),
    "IPv4 or IPv6": link(228, bytes),
    "PPP": link(9, behind("ff03", ppp)),
    "PPP, compressed": link(9, lambda p: ppp(p)[1:]),
    "PPP in HDLC": link(50, behind("ff03", ppp)),
    "PPP, bridged Ethernet": link(9, bridged_ppp),
    "PPP link that carries Cisco HDLC": link(50, behind("0f00", typed)),
    "PPP with direction": link(204, behind("01ff03", ppp)),
    "PPP of pppd": link(166, behind("00ff03", ppp)),
    "PPPoE": link(51, pppoe),
    "Cisco HDLC": link(104, behind("0f00", typed)),
    "Cisco HDLC, multicast": link(104, behind("8f00", typed)),
    "Cisco HDLC with direction": link(205, behind("010f00", typed)),
    "frame relay": link(107, relayed),
    "frame relay, SNAP": link(107, lambda p: bytes.fromhex("1841030080000000") + typed(p)),
    "frame relay, bridged": link(107, lambda p: bytes.fromhex("18410300800080c20007") + framed(p)),
    "frame relay, Cisco's": link(107, behind("1841", typed)),
    "frame relay, four bytes": link(107, lambda p: bytes.fromhex("18408001") + relayed(p)[2:]),
    "frame relay with direction": link(206, lambda p: b"\1" + relayed(p)),
    "FDDI": link(10, lambda p: b"\x50" + MAC_B + MAC_A + snap(p)),
    "Token Ring": link(6, token_ring),
    "Token Ring with a route": link(6, lambda p: token_ring(p, bytes.fromhex("06b001220330"))),
    "ATM": link(100, snap),
    "IP over Fibre Channel": link(122, lambda p: bytes(16) + snap(p)),
    "IP over FireWire": link(138, lambda p: bytes(16) + typed(p)),
    "ENC": link(109, lambda p: struct.pack("<III", 24 if p[0] >> 4 == 6 else 2, 7, 0) + p),
    "PFLOG": link(117, lambda p: bytes([61, 2]) + bytes(62) + p),
    "SLL": link(113, lambda p: cooked(ethertype(p), p)),
    "SLL, protocol 3": link(113, lambda p: cooked(3, framed(p))),
    "SLL, protocol 4": link(113, lambda p: cooked(4, snap(p))),
    "SLL, protocol 7": link(113, lambda p: cooked(7, ppp(p))),
    "SLL, VLAN": link(113, lambda p: cooked(0x8100, vlan(p, ethertype(p)))),
    "SLL, radiotap": link(113, lambda p: cooked(0, radiotap(data_frame(p)), hardware=803)),
    "SLL, 802.11": link(113, lambda p: cooked(0, data_frame(p), hardware=801)),
    "SLL, Prism": link(113, lambda p: cooked(0, prism(data_frame(p)), hardware=802)),
    "SLL, frame relay": link(113, lambda p: cooked(0, relayed(p), hardware=770)),
    "SLL2": link(276, lambda p: cooked(ethertype(p), p, version=2)),
    "SLL2, protocol 3": link(276, lambda p: cooked(3, framed(p), version=2)),
    "SLL2, radiotap": link(276, lambda p: cooked(0, radiotap(data_frame(p)), hardware=803, version=2)),
    "802.11": link(105, data_frame),
    "802.11 without quality of service": link(105, lambda p: data_frame(p, control="0801", qos="")),
    "802.11 with throughput control": link(105, lambda p: data_frame(p, control="8881", extra="01020304")),
    "802.11 between access points": link(
        105,
        lambda p: bytes.fromhex("8803") + bytes(2) + MAC_B * 3 + bytes(2) + MAC_A + bytes(2) + snap(p),
    ),
    "802.11 mesh": link(
        105,
        lambda p: (
            bytes.fromhex("8803")
            + bytes(2)
            + MAC_B * 3
            + bytes(2)
            + MAC_A
            + bytes.fromhex("0001")
            + bytes.fromhex("021f00000001")
            + MAC_B
            + MAC_A
            + snap(p)
        ),
    ),
    "802.11 aggregate of one": link(105, aggregate),
    "radiotap": link(127, lambda p: radiotap(data_frame(p))),
    "radiotap, padded header": link(127, lambda p: radiotap(data_frame(p, pad=2), flags=0x20)),
    "radiotap, padded header and time": link(127, lambda p: radiotap_with_time(data_frame(p, pad=2))),
    "radiotap, padded header without effect": link(
        127, lambda p: radiotap(data_frame(p, control="0801", qos=""), flags=0x30) + bytes(4)
    ),
    "radiotap, aggregate of one": link(127, lambda p: radiotap(aggregate(p))),
    "Prism": link(119, lambda p: prism(data_frame(p))),
    "AVS": link(163, lambda p: avs(data_frame(p))),
    "AVS under the number of Prism": link(119, lambda p: avs(data_frame(p))),
    "PPI, Ethernet": link(192, lambda p: ppi(1, framed(p))),
    "PPI, 802.11": link(192, lambda p: ppi(105, data_frame(p))),
    "PPI, aggregate": link(192, lambda p: ppi(105, aggregate(p))),
    "PKTAP, Ethernet": link(258, lambda p: pktap(1, framed(p))),
    "PKTAP, raw": link(258, lambda p: pktap(12, p)),
    "PKTAP, NULL": link(149, lambda p: pktap(0, bsd_family(p))),
    "PKTAP, 802.11": link(258, lambda p: pktap(127, radiotap(data_frame(p)))),
    "NFLOG": link(239, nflog),
    "NFLOG, big-endian": link(239, lambda p: nflog(p, big=True)),
    "netANALYZER": link(240, lambda p: bytes(4) + framed(p)),
    "netANALYZER, transparent": link(241, lambda p: bytes(4) + b"\x55" * 7 + b"\xd5" + framed(p)),
}

TAGS: dict[str, Encapsulation] = {
    "VLAN": tags(tagged(0x8100, b"\0\5")),
    "QinQ": tags(lambda p: ethernet(vlan(vlan(p, ethertype(p)), 0x8100), 0x88A8)),
    "old QinQ": tags(lambda p: ethernet(vlan(vlan(p, ethertype(p)), 0x9200), 0x9100)),
    "VLAN with padding": tags(lambda p: tagged(0x8100, b"\0\5")(p).ljust(80, b"\0")),
    "VN-Tag": tags(tagged(0x8926, b"\x80\0\0\1")),
    "802.1BR": tags(tagged(0x893F, bytes(6))),
    "802.1ah": tags(carried(0x88E7, b"\0\0\0\1")),
    "802.1ah behind a backbone tag": tags(lambda p: ethernet(vlan(b"\0\0\0\1" + framed(p), 0x88E7), 0x88A8)),
    "FabricPath": tags(carried(0x8903, b"\1\x41")),
    "TRILL": tags(carried(0x22F3, bytes.fromhex("003f00010002"))),
    "TRILL with options": tags(carried(0x22F3, bytes.fromhex("007f00010002") + bytes(4))),
    "NSH": tags(lambda p: ethernet(nsh(p), 0x894F)),
    "NSH with Ethernet": tags(carried(0x894F, bytes.fromhex("0fc20203000064ff"))),
    "HSR": tags(tagged(0x892F, bytes.fromhex("00340001"))),
    "PRP": tags(lambda p: framed(p).ljust(60, b"\0") + bytes.fromhex("0001a03488fb")),
    "Cisco CMD": tags(tagged(0x8909, bytes.fromhex("010100010007"))),
    "MACsec without encryption": tags(lambda p: tagged(0x88E5, bytes.fromhex("000000000001"))(p) + bytes(16)),
    "MACsec with a channel": tags(
        lambda p: tagged(0x88E5, bytes.fromhex("200000000001") + MAC_A + b"\0\1")(p) + bytes(16)
    ),
    "batman-adv unicast": tags(carried(0x4305, bytes.fromhex("400f3201") + MAC_B)),
    "batman-adv four addresses": tags(carried(0x4305, bytes.fromhex("420f3201") + MAC_B + MAC_A + b"\1\0")),
    "batman-adv broadcast": tags(carried(0x4305, bytes.fromhex("010f320000000001") + MAC_A)),
    "batman-adv 14": tags(carried(0x4305, bytes.fromhex("030e3201") + MAC_B)),
    "Arista, 64 bits": tags(tagged(0xD28B, bytes.fromhex("00010010") + bytes(8))),
    "Arista, 48 bits": tags(tagged(0xD28B, bytes.fromhex("00010120") + bytes(6))),
    "EDSA": tags(tagged(0xDADA, bytes(6))),
    "PPPoE in Ethernet": tags(lambda p: ethernet(pppoe(p), 0x8864)),
    "PPPoE, compressed": tags(
        lambda p: ethernet(struct.pack("!BBHH", 0x11, 0, 1, len(p) + 1) + ppp(p)[1:], 0x8864)
    ),
    "MPLS": tags(lambda p: ethernet(bytes.fromhex("0001004000020140") + p, 0x8847)),
    "MPLS multicast": tags(lambda p: ethernet(bytes.fromhex("00020140") + p, 0x8848)),
    "pseudo-wire with control word": tags(
        lambda p: ethernet(bytes.fromhex("00010140") + bytes(4) + framed(p), 0x8847)
    ),
    "pseudo-wire without": tags(carried(0x8847, bytes.fromhex("00010140"))),
    "many tags": tags(
        lambda p: ethernet(
            vlan(bytes(6) + struct.pack("!H", 0x892F) + bytes.fromhex("00340001") + typed(p), 0x893F), 0x8100
        )
    ),
}

TUNNELS: dict[str, Encapsulation] = {
    "IP in IPv4": tunnel(lambda p: ethernet(ipv4(*OUTER, 41 if p[0] >> 4 == 6 else 4, p))),
    "IP in IPv6": tunnel(
        lambda p: ethernet(ipv6("2001:db8::a", "2001:db8::b", 41 if p[0] >> 4 == 6 else 4, p), 0x86DD)
    ),
    "old IP in IP": tunnel(over_ip(94, bytes), carries_ipv6=False),
    "GRE": tunnel(gre_of_type("0000")),
    "GRE, check sum": tunnel(gre_of_type("8000", "12340000")),
    "GRE, key": tunnel(gre_of_type("2000", "0000000f")),
    "GRE, sequence": tunnel(gre_of_type("1000", "00000001")),
    "GRE, all three": tunnel(gre_of_type("b000", "12340000 0000000f 00000001")),
    "GRE, route": tunnel(gre_of_type("4000", "00000000 08000004 c0000201 00000000")),
    "GRE, route of several": tunnel(
        gre_of_type("f000", "12340000 0000000f 00000001 08000408 c0000201c0000202 00020002 1234 00000000")
    ),
    "GRE, Ethernet": tunnel(gre("00006558", framed)),
    "NVGRE": tunnel(gre("2000655800004d00", framed)),
    "GRE, VLAN": tunnel(gre("000081000005", typed)),
    "GRE, MPLS": tunnel(gre("0000884700020140")),
    "GRE, PPP of version 0": tunnel(gre("0000880b", ppp)),
    "PPTP": tunnel(gre("3081880b 0010 0002 00000002 00000003", behind("ff03", ppp))),
    "PPTP without acknowledgement": tunnel(gre("3001880b 0010 0002 00000002", lambda p: ppp(p)[1:])),
    "PPTP without sequence": tunnel(gre("2001880b 0010 0002", ppp)),
    "WCCP": tunnel(gre("0000883e"), carries_ipv6=False),
    "WCCP 2": tunnel(gre("0000883e 00000102"), carries_ipv6=False),
    "ERSPAN I": tunnel(gre("000088be", framed)),
    "ERSPAN II": tunnel(gre("100088be 00000001 1001000100000000", framed)),
    "ERSPAN III": tunnel(gre("100022eb 00000005 200100010000123400000000", framed)),
    "ERSPAN III with a subheader": tunnel(
        gre("100022eb 00000005 200100010000123400000001 0000000000000000", framed)
    ),
    "ERSPAN III, IP": tunnel(gre("100022eb 00000005 200100010000123400000800")),
    "EtherIP": tunnel(over_ip(97, behind("3000", framed))),
    "MPLS in IP": tunnel(over_ip(137, behind("00020140"))),
    "Ethernet in IPv6": tunnel(
        lambda p: ethernet(ipv6("2001:db8::a", "2001:db8::b", 143, framed(p)), 0x86DD)
    ),
    "L2TPv3 over IP": tunnel(over_ip(115, behind("00000001 0011223344556677", framed))),
    "VXLAN": tunnel(over_udp(4789, behind("0800000000004d00", framed))),
    "VXLAN of old Linux": tunnel(over_udp(8472, behind("0800000000004d00", framed))),
    "VXLAN of ACI": tunnel(over_udp(48879, behind("c800800100004d80", framed))),
    "VXLAN, VLAN": tunnel(
        over_udp(4789, lambda p: bytes.fromhex("0800000000004d00") + tagged(0x8100, b"\0\5")(p))
    ),
    "VXLAN-GPE": tunnel(over_udp(4790, gpe)),
    "VXLAN-GPE, Ethernet": tunnel(over_udp(4790, behind("0c00000300004d00", framed))),
    "VXLAN-GPE, NSH": tunnel(over_udp(4790, behind("0c00000400004d00", nsh))),
    "Geneve": tunnel(over_udp(6081, behind("0000655800004d00", framed))),
    "Geneve with an option, IP": tunnel(over_udp(6081, geneve)),
    "GTP-U": tunnel(over_udp(2152, lambda p: struct.pack("!BBHI", 0x30, 255, len(p), 1) + p)),
    "GTP-U with an extension": tunnel(over_udp(2152, gtp)),
    "Teredo": tunnel(over_udp(3544, bytes)),
    "Teredo with indications": tunnel(
        over_udp(3544, behind("0001 02 03 aabb ccddee 0011223344556677 00 0000 1234 c0000201"))
    ),
    "L2TP": tunnel(over_udp(1701, l2tp)),
    "L2TP, short header": tunnel(over_udp(1701, behind("000200010001", ppp))),
    "L2TPv3 over UDP": tunnel(over_udp(1701, behind("0003000000000001", framed))),
    "MPLS in UDP": tunnel(over_udp(6635, behind("00020140"))),
    "GRE in UDP": tunnel(over_udp(4754, behind("00006558", framed))),
    "GUE": tunnel(over_udp(6080, gue)),
    "LISP": tunnel(over_udp(4341, behind("8000000100000000"))),
    "TZSP": tunnel(over_udp(37008, behind("01000001 00 0a021234 01", framed))),
    "UDP tunnel over IPv6": tunnel(
        lambda p: ethernet(
            ipv6(
                "2001:db8::a", "2001:db8::b", 17, udp(9, 4789, bytes.fromhex("0800000000004d00") + framed(p))
            ),
            0x86DD,
        )
    ),
    "tunnel in tunnel": tunnel(
        over_udp(4789, lambda p: bytes.fromhex("0800000000004d00") + gre_of_type("0000")(p))
    ),
    "tunnel behind an authentication header": tunnel(
        lambda p: ethernet(ah(ipv4(*OUTER, 41 if p[0] >> 4 == 6 else 4, p)))
    ),
}


def fragments(packet: bytes, size: int, ident: int) -> list[bytes]:
    """An IP packet in fragments of at most `size` bytes of payload, a multiple of eight; one that fits stays whole."""
    is_ip6 = packet[0] >> 4 == 6
    start = 40 if is_ip6 else 20
    header, body = packet[:start], packet[start:]
    if len(body) <= size:
        return [packet]
    parts = []
    for at in range(0, len(body), size):
        part, more = body[at : at + size], at + size < len(body)
        if is_ip6:
            extension = struct.pack("!BBHI", header[6], 0, at | more, ident)
            length = struct.pack("!H", len(extension) + len(part))
            parts.append(header[:4] + length + b"\x2c" + header[7:] + extension + part)
        else:
            fields = struct.pack("!HHH", start + len(part), ident, more << 13 | at // 8)
            parts.append(header[:2] + fields + header[8:] + part)
    return parts


def over_ip6(packet: bytes) -> bytes:
    """What an IPv4 packet carries, over IPv6."""
    return ipv6("2001:db8::a", "2001:db8::b", packet[9], packet[20:])


def tunnelled_fragments(
    name: str,
    packet: bytes,
    *,
    number: int,
    inner_size: int = 0,
    outer_size: int = 0,
    outer_ip6: bool = False,
) -> list[bytes]:
    """Outer IP packets of a tunnel that carries a packet: the packet in fragments, the tunnel's packets, or both.

    number : int — of the packet in its conversation, which the identifications are made of.
    inner_size, outer_size : int — bytes of payload in a fragment, 0 for whole packets.
    """
    outer = []
    for place, inside in enumerate(fragments(packet, inner_size or 65_528, 500 + number)):
        whole = TUNNELS[name].wrap(inside)[14:]
        if outer_ip6 and whole[0] >> 4 == 4:
            whole = over_ip6(whole)
        outer += fragments(whole, outer_size or 65_528, 100 * number + place)
    return outer


# Teredo carries IPv6 alone
ONLY_IPV6 = ("Teredo", "Teredo with indications")
ENCAPSULATIONS: dict[str, Encapsulation] = {**LINK_LAYERS, **TAGS, **TUNNELS}
