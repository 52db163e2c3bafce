"""Which device a flow's end is: a hardware address that stays, else the network address; all hosts outside are one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address

import numpy as np
import pyarrow as pa

from iotids.detecting.summary.table_groups import numbered

OUTSIDE = "outside"
MOST_ADDRESSES = 2  # local IPv4 addresses of one device in one recording: it may get another by DHCP


@lru_cache(maxsize=65_536)
def name_device(address: str, hardware: str) -> str:
    """The name by which a device is known from one day to the next.

    A public address is `outside`: behind a router all of them have its hardware address. A hardware address
    is used where its maker gave it (the locally administered ones change: randomised, or of a container), so that
    a device stays the same when DHCP gives it another address. Else it is the address itself, as in captures
    without hardware addresses.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return hardware or address
    if ip.is_global and not ip.is_multicast:
        return OUTSIDE
    return hardware if _stays(hardware) else address


def _stays(hardware: str) -> bool:
    """Whether a hardware address was given by a maker to one interface: not empty, zero, local, or of a group."""
    if len(hardware) != 17 or not hardware.strip("0:"):
        return False
    return int(hardware[:2], 16) & 3 == 0


def ends_of(table: pa.Table | pa.RecordBatch, side: str) -> tuple[list[tuple[str, str]], np.ndarray]:
    """Distinct (address, hardware address) at one side (`src` or `dst`) of some flows, and (n,) int64 which one each
    flow has.
    """
    (addresses, address), (hardware, of) = (
        numbered(_chunked(table.column(f"{side}_{what}"))) for what in ("ip", "mac")
    )
    pairs, pair = np.unique(address * max(len(hardware), 1) + of, return_inverse=True)
    texts, macs = addresses.to_pylist(), hardware.to_pylist()
    return [(texts[p // len(macs)] or "", macs[p % len(macs)] or "") for p in pairs.tolist()], pair


def shared_hardware(ends: Iterable[tuple[int, str, str]]) -> frozenset[str]:
    """Hardware addresses that stand for several devices: a router's, behind which the capture was made.

    Parameters
    ----------
    ends : (recording, address, hardware address)
        One with more than two local IPv4 addresses in one recording is shared.
    """
    seen: dict[tuple[int, str], set[str]] = {}
    for recording, address, hardware in set(ends):
        if "." in address and name_device(address, hardware) == hardware:
            seen.setdefault((recording, hardware), set()).add(address)
    return frozenset(hardware for (_, hardware), addresses in seen.items() if len(addresses) > MOST_ADDRESSES)


def device_names(ends: Iterable[tuple[str, str]], shared: frozenset[str]) -> list[str]:
    """The device of each (address, hardware address)."""
    return [name_device(address, "" if hardware in shared else hardware) for address, hardware in ends]


def _chunked(column: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of a batch as one of a table, nothing as empty text."""
    chunked = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    return chunked.fill_null("") if chunked.null_count else chunked
