"""What each device ordinarily does here: which service of whom it uses, and how busy it then is.

Learnt from benign traffic alone, without labels and without the package (`calibrating.learn_habits`). A habit is the
highest level that each count of a flow's context had, per device, peer, protocol and port. A flow is ordinary
here where its device has the habit and no count is more than `margin` above it.

Both detectors together: a flow is an attack where the model's log-odds reach the threshold and it is not ordinary
here; what is not ordinary counts 0.25 more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.detecting.ordinary.devices import device_names, ends_of
from iotids.flowmeter.columns.context import CONTEXT_NAMES

HABIT_COLUMNS = tuple(
    name
    for who in ("initiator", "responder", "pair", "service")
    for window in ("10s", "60s")
    for count in ("flows", "peers", "ports", "silent_share", "reset_share")
    if (name := f"{who}_{window}_{count}") in CONTEXT_NAMES
)
MARGIN = 1.0  # twice the count, or half of the flows more without an answer or reset: docs/unseen-site.md
UNUSUAL_LOG_ODDS = 0.25  # what a flow that is no habit adds to the model's log-odds of attack
EPHEMERAL = 32_768  # ports from which on a responder's port is no service of a name
MOST_DEVICES, MOST_HABITS = 1 << 17, 200_000
_PROTOCOLS, _PORTS = 256, 65_536


@dataclass(frozen=True)
class Acts:
    """What some flows do: ends (address, hardware address), (n,) numbers of the one that began and of its peer, (n,)
    service, and (n, h) float32 levels.
    """

    ends: list[tuple[str, str]]
    device: np.ndarray
    peer: np.ndarray
    service: np.ndarray
    levels: np.ndarray


def acts_of(flows: pa.Table | pa.RecordBatch) -> Acts:
    """Read devices, services and levels from flows with context.

    Raises
    ------
    KeyError
        The flows have no context columns.
    """
    sources, source = ends_of(flows, "src")
    targets, target = ends_of(flows, "dst")
    port = _numbers(flows, "dst_port").astype(np.int64)
    service = _numbers(flows, "protocol").astype(np.int64) % _PROTOCOLS * _PORTS + np.where(
        port < EPHEMERAL, port, 0
    )
    return Acts([*sources, *targets], source, target + len(sources), service, levels_of(flows))


def levels_of(flows: pa.Table | pa.RecordBatch) -> np.ndarray:
    """(n, h) float32: logarithms to the base 2 of counts, twice the shares; one more is worth the margin."""
    levels = np.empty((flows.num_rows, len(HABIT_COLUMNS)), np.float32)
    for j, name in enumerate(HABIT_COLUMNS):
        values = _numbers(flows, name).astype(np.float64)
        levels[:, j] = 2 * values if name.endswith("_share") else np.log2(1 + values)
    return levels


@dataclass(frozen=True)
class Habits:
    """Habits of devices, sorted by their number.

    devices : names. key : (k,) int64 ascending, see `numbers`. highest : (k, h) float32. flows : (k,) int64 that a
        habit was learnt from. shared : hardware addresses that are no device's. margin : how far above it a level
        may be.
    """

    devices: list[str]
    key: np.ndarray
    highest: np.ndarray
    flows: np.ndarray
    shared: frozenset[str] = frozenset()
    margin: float = MARGIN

    def excess(self, acts: Acts) -> np.ndarray:
        """(n,) float32: how far the level that is furthest above the habit is above it; infinite without the habit."""
        places = {name: i for i, name in enumerate(self.devices)}
        names = device_names(acts.ends, self.shared)
        known = np.array([places.get(name, -1) for name in names], np.int64)
        device, peer = known[acts.device], known[acts.peer]
        return self.excess_of(
            numbers(device, peer, acts.service), acts.levels, known=(device >= 0) & (peer >= 0)
        )

    def excess_of(self, key: np.ndarray, levels: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
        """The same for (n,) keys (see `numbers`) and (n, h) levels; what is not `known` has no habit whatever its key."""
        excess = np.full(key.size, np.inf, np.float32)
        if self.key.size and key.size:
            at = np.minimum(np.searchsorted(self.key, key), self.key.size - 1)
            has = self.key[at] == key
            has &= True if known is None else known
            excess[has] = (levels[has] - self.highest[at[has]]).max(axis=1, initial=-np.inf)
        return excess

    def are_ordinary(self, flows: pa.Table | pa.RecordBatch) -> np.ndarray:
        """(n,) bool for flows with context."""
        ordinary: np.ndarray = self.excess(acts_of(flows)) <= self.margin
        return ordinary

    def to_plain(self) -> dict[str, Any]:
        """For JSON: names of devices, and of each habit device, peer, protocol, port, flows and levels."""
        service = self.key % (_PROTOCOLS * _PORTS)
        ends = self.key // (_PROTOCOLS * _PORTS)
        columns = (ends // MOST_DEVICES, ends % MOST_DEVICES, service // _PORTS, service % _PORTS, self.flows)
        rows = np.column_stack(columns).tolist()
        levels = np.ceil(self.highest.astype(np.float64) * 100) / 100
        return {
            "columns": list(HABIT_COLUMNS),
            "margin": self.margin,
            "devices": self.devices,
            "shared": sorted(self.shared),
            "habits": [[*row, *level] for row, level in zip(rows, levels.tolist(), strict=True)],
        }


def numbers(device: np.ndarray, peer: np.ndarray, service: np.ndarray) -> np.ndarray:
    """(n,) int64, one for each (device, peer, service)."""
    key: np.ndarray = (device * MOST_DEVICES + peer) * (_PROTOCOLS * _PORTS) + service
    return key


def habits_from_plain(plain: Mapping[str, Any] | None) -> Habits | None:
    """Back from JSON; None where a site file has none.

    Raises
    ------
    ValueError, TypeError, KeyError
        Other columns, too much, or what is no number.
    """
    if plain is None:
        return None
    if tuple(plain["columns"]) != HABIT_COLUMNS:
        raise ValueError("habits of other columns than this program computes")
    devices, rows = [str(name) for name in plain["devices"]], plain["habits"]
    if len(devices) > MOST_DEVICES or len(rows) > MOST_HABITS:
        raise ValueError(f"habits: {len(rows):,} of {len(devices):,} devices are more than can be")
    table = np.array(rows, np.float64).reshape(len(rows), 5 + len(HABIT_COLUMNS))
    whole, highest, margin = table[:, :5].astype(np.int64), table[:, 5:], float(plain["margin"])
    limits = np.array([len(devices), len(devices), _PROTOCOLS, _PORTS])
    if not (np.isfinite(table).all() and np.isfinite(margin)):
        raise ValueError("habits: a level is no number")
    if ((whole[:, :4] < 0) | (whole[:, :4] >= limits)).any():
        raise ValueError("habits: a device, protocol or port that cannot be")
    key = numbers(whole[:, 0], whole[:, 1], whole[:, 2] * _PORTS + whole[:, 3])
    order = np.argsort(key, kind="stable")
    shared = frozenset(str(name) for name in plain["shared"])
    return Habits(devices, key[order], highest[order].astype(np.float32), whole[order, 4], shared, margin)


def _numbers(flows: pa.Table | pa.RecordBatch, name: str) -> np.ndarray:
    """A column of numbers, nothing as 0."""
    column = flows.column(name)
    values: np.ndarray = (column.fill_null(0) if column.null_count else column).to_numpy(
        **({} if isinstance(column, pa.ChunkedArray) else {"zero_copy_only": False})
    )
    return values
