"""Put flows in order of their end: a finished table at once, a live stream as far as it is certain."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from iotids.flowmeter.columns.context import CONTEXT_NAMES, context_schema
from iotids.flowmeter.context.memory import RING_FLOWS
from iotids.flowmeter.context.stream import ContextStream


def with_context(flows: pa.Table, *, ring_flows: int = RING_FLOWS) -> pa.Table:
    """Add the context columns to a finished flow table; every capture begins with empty windows.

    Parameters
    ----------
    flows : (n,) rows in any order, with the identity columns and features of a flow table

    Returns
    -------
    table : (n,) rows in the same order
        Flows of a capture that end in the same microsecond count in the order of their flow numbers.

    Raises
    ------
    ValueError
        A column is missing, or the context is there already.
    """
    if there := set(CONTEXT_NAMES) & set(flows.schema.names):
        raise ValueError(f"the flow table has context already ({min(there)}); drop its columns first")
    captures = flows.column("capture").combine_chunks().dictionary_encode()
    codes = captures.indices.to_numpy(zero_copy_only=False)
    order = np.lexsort((flows.column("flow_number").to_numpy(), ends_us(flows), codes))
    counts = np.bincount(codes, minlength=len(captures.dictionary))
    parts = []
    for end, n in zip(np.cumsum(counts), counts, strict=True):
        rows = flows.take(order[end - n : end])
        enough = min(
            ring_flows, 1 << int(n).bit_length()
        )  # thousands of small captures: less memory to clear
        parts.append(ContextStream(enough).update(rows))
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    context = pa.Table.from_batches(parts, context_schema()).take(back)
    return pa.Table.from_arrays(
        [*flows.columns, *context.columns], schema=_joined(flows.schema, context_schema())
    )


def _joined(left: pa.Schema, right: pa.Schema) -> pa.Schema:
    """Fields of both."""
    return pa.schema([*left, *right], metadata=left.metadata)


def ends_us(flows: pa.Table | pa.RecordBatch) -> np.ndarray:
    """When each flow ended: its start and its duration."""
    start, duration = (flows.column(name).to_numpy() for name in ("start_us", "flow_duration_us"))
    ends: np.ndarray = start + duration
    return ends


class EndOrder:
    """Flows that arrive in any order, handed out in order of their end as soon as none earlier can come.

    A flow that ends by silence is known only when the idle timeout has passed; the flow meter's clock less
    this timeout is the time up to which nothing earlier can come. Handed out up to there, the rows that a
    `ContextStream` sees are those of the finished table in the same order, and so are the values.
    """

    def __init__(self) -> None:
        self._waiting: list[pa.Table] = []

    def add(self, flows: pa.Table | pa.RecordBatch) -> None:
        """Take flows that are over."""
        table = flows if isinstance(flows, pa.Table) else pa.Table.from_batches([flows])
        if table.num_rows:
            self._waiting.append(table)

    def until(self, watermark_us: int | None = None) -> pa.Table | None:
        """Hand out what ended at or before a time, or everything; None where nothing did."""
        if not self._waiting:
            return None
        table = pa.concat_tables(self._waiting)
        ends = ends_us(table)
        order = np.lexsort((table.column("flow_number").to_numpy(), ends))
        certain = len(ends) if watermark_us is None else int((ends <= watermark_us).sum())
        rest = table.take(order[certain:])
        self._waiting = [rest] if rest.num_rows else []
        return table.take(order[:certain]) if certain else None
