"""D2's and D3's ground truth: who attacks whom, and which devices a benign network has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from iotids.testbed.hosts import Host
from iotids.testbed.wire import ip_text, mac_text


def write_attackers_and_targets(attackers: Sequence[Host], targets: Sequence[Host], path: Path) -> None:
    """Write D2's hosts.yaml: a flow with an attacker at one end is an attack, everything else is background."""
    lines = [
        "# Who scans whom in the captures below Scan/; everything without an attacker at one end is background."
    ]
    for title, hosts in (("attackers", attackers), ("targets", targets)):
        lines.append(f"{title}:")
        lines += [f"  - {ip_text(host.address)}      # {host.name}" for host in hosts]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(("\n".join(lines) + "\n").encode())


def write_device_list(devices: Sequence[Host], gateway: Host, path: Path) -> None:
    """Write D3's List_Of_Devices.txt: name, tabs, hardware address, tab, connection type; the gateway has no
    type.
    """
    lines = ["List of Devices\t\t\t\tMAC ADDRESS\t\tConnection Type", ""]
    for device in devices:
        wired = device.delay_us < 1000
        lines.append(
            f"{device.name} \t\t\t\t{mac_text(device.hardware)} \t{'Wired' if wired else 'Wireless'}"
        )
    lines.append(f"{gateway.name}\t{mac_text(gateway.hardware)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(("\n".join(lines) + "\n").encode())
