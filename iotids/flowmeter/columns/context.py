"""Every context column, declared once: who is looked at, over which window, and what is counted."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from iotids.flowmeter.columns.schema import Column

WINDOWS_S = (2, 10, 60)
LAST_FLOWS = 100
SHORT_PACKETS = 3  # a flow of at most so many packets is short: no TCP connection that carried data has fewer

WHO: dict[str, str] = {
    "initiator": "flows that this flow's initiator began",
    "responder": "flows to this flow's responder",
    "pair": "flows of this initiator to this responder",
    "service": "flows to this responder, port and protocol",
}
WINDOWS: dict[str, str] = {
    **{f"{seconds}s": f"that ended in the last {seconds} s" for seconds in WINDOWS_S},
    f"last{LAST_FLOWS}": f"among the last {LAST_FLOWS}",
}


@dataclass(frozen=True)
class Count:
    """Something that is counted over a window: name, type, unit, meaning, and for whom it makes sense."""

    name: str
    dtype: str
    unit: str
    meaning: str
    who: tuple[str, ...] = tuple(WHO)


COUNTS: tuple[Count, ...] = (
    Count("flows", "int32", "flows", "number"),
    Count(
        "peers", "int32", "hosts", "distinct hosts at the other end", ("initiator", "responder", "service")
    ),
    Count("ports", "int32", "ports", "distinct ports and protocols", ("initiator", "responder", "pair")),
    Count("silent_share", "float32", "-", "share without a packet of the responder"),
    Count("reset_share", "float32", "-", "share with a TCP reset"),
    Count("short_share", "float32", "-", f"share of at most {SHORT_PACKETS} packets"),
    Count("bytes", "int64", "bytes", "payload bytes of both directions"),
)

CONTEXT: tuple[Column, ...] = tuple(
    Column(
        f"{who}_{window}_{count.name}",
        "",
        count.dtype,
        count.unit,
        f"{count.meaning}: {whose} {when}, this one included",
    )
    for who, whose in WHO.items()
    for window, when in WINDOWS.items()
    for count in COUNTS
    if who in count.who
)
CONTEXT_NAMES: tuple[str, ...] = tuple(column.name for column in CONTEXT)

_ARROW_TYPES = {"int32": pa.int32(), "float32": pa.float32(), "int64": pa.int64()}


def context_schema() -> pa.Schema:
    """Arrow schema of the context columns; none can be null."""
    return pa.schema([pa.field(c.name, _ARROW_TYPES[c.dtype], nullable=False) for c in CONTEXT])
