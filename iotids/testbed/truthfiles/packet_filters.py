"""D1's ground truth: a CSV of Wireshark display filters per capture; what no filter matches is benign."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from iotids.testbed.hosts import Host
from iotids.testbed.wire import ip_text, mac_text

HEADER = ("No", "File Name", "Category", "Sub-category", "Rule")
FIRST_NUMBER = 2  # the published table counts benign-dec.pcap, which has no rule, as number 1
MITM, DOS, SCANNING, MIRAI = "Man in the Middle (MITM)", "Denial of Service (DoS)", "Scanning", "Mirai Botnet"


@dataclass(frozen=True)
class Rule:
    """One line of the table without its number."""

    capture: str
    category: str
    sub_category: str
    expression: str


def write_rules(rules: list[Rule], path: Path) -> None:
    """Write the table with a byte-order mark and Windows line ends, as published."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    for number, rule in enumerate(rules, start=FIRST_NUMBER):
        writer.writerow((number, rule.capture, rule.category, rule.sub_category, rule.expression))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())


def spoofing_between(attacker: Host, one: Host, other: Host) -> str:
    """Match relayed TCP between two hosts and the forged answers to both."""
    here, there = ip_text(one.address), ip_text(other.address)
    return (
        f"eth.addr == {mac_text(attacker.hardware)} and ((((ip.src == {here} and ip.dst == {there}) or (ip.src == {there} and "
        f"ip.dst == {here})) and !icmp and tcp) or {_lies(attacker, one, other)})"
    )


def spoofing_around(attacker: Host, device: Host, gateway: Host) -> str:
    """Match relayed TCP of one device with anybody and the forged answers to it and its gateway."""
    return (
        f"eth.addr == {mac_text(attacker.hardware)} and (((ip.addr == {ip_text(device.address)}) and !icmp and tcp) or "
        f"{_lies(attacker, device, gateway)})"
    )


def _lies(attacker: Host, one: Host, other: Host) -> str:
    return (
        f"(arp.src.hw_mac == {mac_text(attacker.hardware)} and (arp.dst.hw_mac == {mac_text(one.hardware)} or "
        f"arp.dst.hw_mac == {mac_text(other.hardware)}))"
    )


def syn_flood(victim: Host, port: int, first_byte: int) -> str:
    """Match SYNs from a forged network of 16 million addresses."""
    return (
        f"ip.src == {first_byte}.0.0.0/8 and tcp.flags.syn == 1 and ip.dst == {ip_text(victim.address)} and "
        f"tcp.dstport == {port} and tcp"
    )


def arp_discovery(scanner: Host, before_frame: int) -> str:
    """Match the scanner's broadcasts until its sweep is over."""
    return f"(eth.src == {mac_text(scanner.hardware)} and arp and eth.dst == ff:ff:ff:ff:ff:ff) and frame.number < {before_frame}"


def port_scan(scanner: Host, target: Host) -> str:
    """Match the scanner's SYNs by nmap's window field, and its RSTs."""
    return (
        f"ip.src == {ip_text(scanner.address)} and ip.dst == {ip_text(target.address)} and ((tcp.flags.syn == 1 and "
        f"tcp.window_size == 1024) or tcp.flags.reset == 1)"
    )


def version_scan(scanner: Host, target: Host) -> str:
    """Match everything else that the scanner sends to its target, ICMP excepted."""
    return (
        f"(ip.src == {ip_text(scanner.address)} and ip.dst == {ip_text(target.address)}) and (not icmp) and not "
        f"({port_scan(scanner, target)})"
    )


def flood_towards(target: Host) -> str:
    """Match everything sent to the flooded server."""
    return f"ip.dst == {ip_text(target.address)}"


def bot_discovery(bot: Host) -> str:
    """Match the bot's ARP questions into its own network."""
    network = ip_text(bot.address & 0xFFFFFF00)
    return f"arp.dst.proto_ipv4 == {network}/24 and arp.src.proto_ipv4 == {ip_text(bot.address)} and eth.dst == ff:ff:ff:ff:ff:ff"


def telnet_from(bot: Host) -> str:
    """Match what the bot sends to telnet ports."""
    return f"tcp.dstport==23 and ip.src=={ip_text(bot.address)}"
