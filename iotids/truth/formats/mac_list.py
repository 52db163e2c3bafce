"""Label D3 (UNSW IoT traces): everything is benign; flows of listed IoT devices can be distinguished from those of
laptops and phones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from iotids.truth.filters.fields import read_mac
from iotids.truth.formats.contract import Format, Source, Truth
from iotids.truth.labelling.flow_labels import CaptureLabels, Verdict
from iotids.truth.labelling.notices import Notice
from iotids.truth.labelling.truth_files import read_categories, read_text

_MAC = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")


@dataclass(frozen=True)
class Options:
    """`devices` lists MAC addresses; `iot_only` keeps flows without an IoT device apart."""

    devices: str
    iot_only: bool = False


def open_mac_list(source: Source, options: Options) -> Truth:
    """Read the list of devices."""
    devices = read_devices(
        read_text(source.root / options.devices), read_categories("non_iot_devices"), options.devices
    )
    return Truth(
        lambda capture, flows, packets: (
            source.name,
            label_by_device(capture, flows, devices, benign=source.benign, iot_only=options.iot_only),
        ),
        columns=("src_mac", "dst_mac"),
    )


@dataclass(frozen=True)
class Device:
    """A machine of the list: its name, its MAC address in lower case with colons, and whether it is an IoT
    device.
    """

    name: str
    mac: str
    is_iot: bool


def read_devices(text: str, non_iot_words: Sequence[str], where: str) -> list[Device]:
    """Read the device list: per line a name, tabs, a MAC address, tabs, the kind of connection.

    Raises
    ------
    ValueError
        No MAC address at all, or a MAC address listed twice.
    """
    devices: dict[str, Device] = {}
    for line in text.lstrip("\ufeff").splitlines():
        found = _MAC.search(line)
        if not found:
            continue
        name = line[: found.start()].strip(" \t,;")
        mac = format_mac(read_mac(found.group()))
        if mac in devices:
            raise ValueError(
                f"{where}: {mac} is listed twice, as {devices[mac].name[:80]!r} and {name[:80]!r}"
            )
        devices[mac] = Device(name, mac, not any(word in name.lower() for word in non_iot_words))
    if not devices:
        raise ValueError(
            f"{where}: no line has a MAC address; wanted `name <TAB> aa:bb:cc:dd:ee:ff <TAB> Wired|Wireless`"
        )
    return list(devices.values())


def format_mac(mac: int) -> str:
    """Write a 48-bit integer as aa:bb:cc:dd:ee:ff."""
    return ":".join(f"{mac >> shift & 0xFF:02x}" for shift in range(40, -1, -8))


def label_by_device(
    capture: str, flows: pa.Table, devices: Sequence[Device], *, benign: str, iot_only: bool
) -> CaptureLabels:
    """Call every flow benign, with the device it belongs to as sub-label.

    Parameters
    ----------
    flows : (n,) rows with `src_mac` and `dst_mac`
    iot_only : bool
        Keep flows without an IoT device at either end apart.
    """
    ranked = sorted(devices, key=lambda device: not device.is_iot)
    by_mac = {device.mac: rank for rank, device in enumerate(ranked)}
    unlisted = len(ranked)
    ends = [_ranks(flows.column(name), by_mac, unlisted) for name in ("src_mac", "dst_mac")]
    codes = np.minimum(*ends).astype(np.int32)
    verdicts = [_verdict(device, benign, iot_only) for device in ranked]
    verdicts.append(
        Verdict("", "", "no listed device at either end")
        if iot_only
        else Verdict(benign, "unlisted", "no listed device at either end")
    )
    notices = []
    n_unlisted = int((codes == unlisted).sum())
    if n_unlisted:
        notices.append(
            Notice(
                "no_listed_device",
                "info",
                n_unlisted,
                f"{capture}: flows with no listed device at either end",
            )
        )
    if flows.num_rows and n_unlisted == flows.num_rows:
        notices.append(
            Notice(
                "rule_matches_nothing",
                "warning",
                1,
                f"{capture}: no flow has a device of the list; is it the list of this network?",
            )
        )
    return CaptureLabels(
        capture, capture, tuple(verdicts), codes, tuple(notices), met=n_unlisted < flows.num_rows
    )


def _verdict(device: Device, benign: str, iot_only: bool) -> Verdict:
    """Say what the flows of a device are; IoT devices outrank others at the other end."""
    if device.is_iot:
        return Verdict(benign, device.name, "listed IoT device")
    return (
        Verdict("", "", f"no IoT device: {device.name}")
        if iot_only
        else Verdict(benign, device.name, "listed machine, no IoT device")
    )


def _ranks(macs: pa.ChunkedArray, by_mac: dict[str, int], unlisted: int) -> np.ndarray:
    """Look up the rank of each MAC address."""
    coded = macs.combine_chunks().dictionary_encode()
    ranks = np.array(
        [by_mac.get((mac or "").lower(), unlisted) for mac in coded.dictionary.to_pylist()], dtype=np.int32
    )
    return ranks[coded.indices.to_numpy(zero_copy_only=False)] if len(ranks) else np.zeros(0, dtype=np.int32)


FORMAT = Format(Options, open_mac_list)
