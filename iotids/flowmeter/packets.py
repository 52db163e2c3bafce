"""One row per packet of a capture, with the flow the meter booked it to; labelling rules look at these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from iotids.flowmeter.flows import Decoder, Meter
from iotids.flowmeter.kernels.entries import describe_frames
from iotids.flowmeter.kernels.layout import N_VIEWS, PACKET
from iotids.flowmeter.output.rows import wrapped
from iotids.flowmeter.profiles import CLEAN

# the columns behind flow_number are written by describe_frames, in this order
PACKET_COLUMNS: tuple[tuple[str, pa.DataType], ...] = (
    ("packet_number", pa.int64()),  # from 1, as in Wireshark
    ("time_us", pa.int64()),
    ("flow_number", pa.int64()),  # -1: in no flow
    ("captured_bytes", pa.int32()),
    ("wire_bytes", pa.int32()),
    ("eth_src", pa.uint64()),  # 48 bit, 0 without one
    ("eth_dst", pa.uint64()),
    ("eth_type", pa.int32()),  # below 1536: a length; 0 without one
    ("ip_src", pa.uint32()),  # IPv4, 0 without one
    ("ip_dst", pa.uint32()),
    ("ip_protocol", pa.int16()),  # -1 without one, as all below
    ("src_port", pa.int32()),
    ("dst_port", pa.int32()),
    ("tcp_flags", pa.int16()),
    ("tcp_window", pa.int32()),
    ("icmp_type", pa.int16()),
    ("icmp_code", pa.int16()),
    ("arp_opcode", pa.int16()),
    ("arp_src_mac", pa.uint64()),  # 0 without one, as all below
    ("arp_dst_mac", pa.uint64()),
    ("arp_src_ip", pa.uint32()),
    ("arp_dst_ip", pa.uint32()),
    ("ip_version", pa.int16()),  # 4, 6, or 0 without IP
    ("ip6_src_hi", pa.uint64()),  # IPv6, first and last 64 bit, 0 without one
    ("ip6_src_lo", pa.uint64()),
    ("ip6_dst_hi", pa.uint64()),
    ("ip6_dst_lo", pa.uint64()),
)
PACKET_SCHEMA = pa.schema([pa.field(name, kind, nullable=False) for name, kind in PACKET_COLUMNS])


def packet_batches(
    path: Path | str,
    profile: str = "clean",
    *,
    keep_going: bool = False,
    flow_timeout_s: float = 120.0,
    activity_timeout_s: float = 5.0,
    idle_timeout_s: float = 120.0,
    tunnels: str = "inner",
    columns: Iterable[str] = (),
    max_bytes: int = 0,
) -> Iterator[pa.RecordBatch]:
    """Yield every packet of a capture in order.

    Parameters
    ----------
    path : Path or "-"
    profile, flow_timeout_s, activity_timeout_s, idle_timeout_s, tunnels
        As the flow table was metered with: `flow_number` is the meter's booking under them.
    columns : iterable of str
        Of no effect: packets belong to the same flows whatever columns the flow table has.
    max_bytes : int
        How much a compressed capture may expand to; 0: any amount.
    keep_going : bool
        On a damaged capture yield the packets before the damage instead of raising at it.

    Yields
    ------
    pa.RecordBatch
        Columns PACKET_COLUMNS. From addresses on they are those of the packet that profile `clean` books: by the
        frame's true link type, behind tags and in tunnels (with `tunnels="inner"`), later fragments with
        their ports. For the profiles that imitate CICFlowMeter they are the same without following tunnels;
        `flow_number` is their own booking.

    Raises
    ------
    CaptureFault
        After all packets before the damage, unless `keep_going`.
    OSError
        When the file cannot be opened.
    """
    meter = Meter(
        path,
        profile,
        keep_going=keep_going,
        with_digest=False,
        rows_wanted=False,
        flow_timeout_s=flow_timeout_s,
        activity_timeout_s=activity_timeout_s,
        idle_timeout_s=idle_timeout_s,
        tunnels=tunnels,
        max_bytes=max_bytes,
    )
    inner = meter.rules.logic == CLEAN and meter.rules.inner
    decoder = Decoder(meter.rules._replace(true_links=1, inner=int(inner)))
    decoded, scratch = np.zeros(meter.capture.frames_per_block, PACKET), np.zeros(1, PACKET)
    for block, booked in meter.booked_blocks():
        n = len(block.frames)
        views = np.empty((N_VIEWS, n), np.int64)
        decoder.decode(block, decoded)
        describe_frames(block.data, block.frames, n, decoded, scratch, views)
        numbers = meter.capture.frame_numbers(np.arange(block.first_number, block.first_number + n))
        values_of = [numbers, block.frames["time_us"].copy(), booked[:n].copy(), *views]
        arrays = [
            wrapped(values.astype(str(kind)))
            for values, (_, kind) in zip(values_of, PACKET_COLUMNS, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=PACKET_SCHEMA)
    meter.raise_fault()
