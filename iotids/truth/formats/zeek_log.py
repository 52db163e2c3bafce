"""Read Zeek's labelled connection logs: the mixed layout of IoT-23, what NetFlowLabeler writes, CSV and JSON
copies.

In IoT-23's original, fields are separated by tabs, but the last one holds `tunnel_parents`, `label` and
`detailed-label` separated by three spaces, in the header, in the rows or in both. Lines that cannot be read are
handed back, not dropped; what is known of their endpoints and times is kept, because a flow must not be labelled
by another line than its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.truth.formats.zeek_text import Texts, read_texts
from iotids.truth.labelling.instants import read_instants

_NUMBER = r"^[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$"
_PORT = r"^[0-9]{1,5}(\.0*)?$"
_UNSET = ("-", "", "(empty)", "nan", "none", "null")
_NUMBERS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmp", "132": "sctp"}
_LATEST_S = 1e11
FOR_EVER_US = round(_LATEST_S * 1e6)
MAX_BROKEN_SHOWN = 1000


@dataclass(frozen=True)
class Connections:
    """Connections of a log.

    `rows` are endpoints, protocol, first and last time in µs, whether malicious, and detailed label; `labels`
    the labels of these rows in lower case; `broken` the lines that cannot be used, of which `unusable` has
    endpoints, protocol and times as far as they can be read (0 to the end of time where they cannot).
    """

    rows: pa.Table
    broken: tuple[str, ...] = ()
    labels: pa.ChunkedArray | None = None
    unusable: pa.Table | None = None


def read_connections(path: str | Path) -> Connections:
    """Read a labelled connection log, plain or .gz.

    Returns
    -------
    Connections
        `rows` has orig_ip, orig_port, resp_ip, resp_port, protocol (lower case), first_us, last_us, malicious
        (bool), detail.

    Raises
    ------
    ValueError
        No known layout, no labels, not UTF-8, or no row that can be used.
    """
    texts = read_texts(Path(path))
    columns = {name: pc.utf8_trim_whitespace(column) for name, column in texts.columns.items()}
    numbers, good = _numbers(columns)
    n_broken = len(texts.broken) + int((~good).sum())
    if not len(good) and not n_broken:
        raise ValueError(f"{path}: a header, but no connection")
    bad_rows = _as_lines(columns, np.flatnonzero(~good)[:MAX_BROKEN_SHOWN])
    broken = [*texts.broken[:MAX_BROKEN_SHOWN], *bad_rows]
    broken += ["(and more)"] * (n_broken - len(broken))
    if not good.any():
        raise ValueError(
            f"{path}: none of {n_broken:,} rows can be used; wanted times and ports as numbers and a label such as `Benign` or "
            f"`Malicious`; the first: {broken[0][:200]!r}"
        )
    labels = pc.utf8_lower(columns["label"].filter(good))
    rows = _endpoints(columns, numbers, good)
    rows = rows.append_column("malicious", pc.equal(labels, "malicious"))
    rows = rows.append_column("detail", columns["detailed-label"].filter(good))
    return Connections(rows, tuple(broken), labels, _unusable(texts, columns, numbers, good))


def _numbers(columns: Mapping[str, pa.ChunkedArray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Read times and ports; the rows that can be used have all of them and a label."""
    first_s, good = _instants(columns["ts"])
    duration_s, has_duration = _floats(columns["duration"], _NUMBER, unset=0.0)
    orig_port, has_orig = _floats(columns["id.orig_p"], _PORT)
    resp_port, has_resp = _floats(columns["id.resp_p"], _PORT)
    no_label = pc.is_in(pc.utf8_lower(columns["label"]), value_set=pa.array(_UNSET))
    has_ends = has_orig & has_resp & (orig_port < 65536) & (resp_port < 65536)
    good = good & has_duration & (first_s + duration_s < _LATEST_S) & has_ends & ~_mask(no_label)
    return {
        "first_us": np.rint(first_s * 1e6).astype(np.int64),
        "last_us": np.rint(first_s * 1e6).astype(np.int64) + np.rint(duration_s * 1e6).astype(np.int64),
        "orig_port": orig_port,
        "resp_port": resp_port,
    }, good


def _instants(texts: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Read times as seconds since 1970, from numbers or ISO 8601; 0 where there is none."""
    values, good = _floats(texts, _NUMBER)
    if not good.all():
        odd = np.flatnonzero(~good)
        times_us, broken = read_instants(texts.take(pa.array(odd)))
        values[odd], good[odd] = times_us / 1e6, ~broken
    good &= values < _LATEST_S
    return np.where(good, values, 0.0), good


def _floats(
    texts: pa.ChunkedArray, pattern: str, unset: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read numbers of a pattern; `unset` is what an unset field means. Below 1e11, 0 where there is none."""
    good = _mask(pc.match_substring_regex(texts, pattern))
    values = pc.if_else(pa.array(good), texts, "0").cast(pa.float64()).to_numpy().copy()
    if unset is not None:
        is_unset = _mask(pc.is_in(pc.utf8_lower(texts), value_set=pa.array(_UNSET)))
        values[is_unset], good = unset, good | is_unset
    good &= values < _LATEST_S
    return np.where(good, values, 0.0), good


def _mask(flags: pa.ChunkedArray) -> np.ndarray:
    """Give flags as an array; what is null is false."""
    return pc.fill_null(flags, False).to_numpy().astype(bool).copy()


def _endpoints(
    columns: Mapping[str, pa.ChunkedArray], numbers: Mapping[str, np.ndarray], chosen: np.ndarray
) -> pa.Table:
    """Put endpoints, protocol and times of some rows together."""
    protocol = pc.utf8_lower(columns["proto"].filter(chosen))
    for number, name in _NUMBERS.items():
        protocol = pc.if_else(pc.equal(protocol, number), name, protocol)
    return pa.table(
        {
            "orig_ip": columns["id.orig_h"].filter(chosen),
            "orig_port": numbers["orig_port"][chosen].astype(np.int32),
            "resp_ip": columns["id.resp_h"].filter(chosen),
            "resp_port": numbers["resp_port"][chosen].astype(np.int32),
            "protocol": protocol,
            "first_us": numbers["first_us"][chosen],
            "last_us": numbers["last_us"][chosen],
        }
    )


def _unusable(
    texts: Texts, columns: Mapping[str, pa.ChunkedArray], numbers: Mapping[str, np.ndarray], good: np.ndarray
) -> pa.Table:
    """Give what is known of rows that cannot be used, and of lines cut short."""
    table = _endpoints(columns, _where_known(columns, numbers, good), ~good)
    if texts.cut_short is None:
        return table
    cut = texts.cut_short
    cut_numbers, _ = _numbers(cut)
    n_rows = len(cut["ts"])
    everything = np.ones(n_rows, dtype=bool)
    return pa.concat_tables([table, _endpoints(cut, _where_known(cut, cut_numbers, ~everything), everything)])


def _where_known(
    columns: Mapping[str, pa.ChunkedArray], numbers: Mapping[str, np.ndarray], good: np.ndarray
) -> dict[str, np.ndarray]:
    """Let rows whose time cannot be read last for ever, and those without a duration as long as their start."""
    _, has_time = _instants(columns["ts"])
    unknown = ~good & ~has_time
    return {
        **numbers,
        "first_us": np.where(unknown, 0, numbers["first_us"]),
        "last_us": np.where(unknown, FOR_EVER_US, numbers["last_us"]),
    }


def _as_lines(columns: Mapping[str, pa.ChunkedArray], rows: np.ndarray) -> list[str]:
    """Write some rows as text again."""
    chosen: Sequence[Sequence[str]] = [column.take(pa.array(rows)).to_pylist() for column in columns.values()]
    return ["\t".join(fields) for fields in zip(*chosen, strict=True)]
