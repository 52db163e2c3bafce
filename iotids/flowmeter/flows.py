"""A capture to its flow table: read, decode, meter, and count every packet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.ledger import Ledger
from iotids.flowmeter.names import readable_name, text_of_name
from iotids.flowmeter.output.origin import meter_origin
from iotids.flowmeter.output.rows import RowBuilder, check_columns, schema_of
from iotids.flowmeter.pipeline.compiling_ahead import compile_ahead
from iotids.flowmeter.pipeline.decoder import Decoded, Decoder
from iotids.flowmeter.pipeline.sweeping import Certain, Sweeper
from iotids.flowmeter.pipeline.table import OUTPUT_FLOWS, FlowTable, Over
from iotids.flowmeter.pipeline.worker_threads import Background, under_batch_scheduling, usable_cores
from iotids.flowmeter.profiles import CLEAN, Profile, profile_named, rules_of
from iotids.flowmeter.reading import LINK_NAMES, Block, Capture, CaptureFault
from iotids.flowmeter.reading.blocks import FRAMES_PER_BLOCK, READ_BYTES

BATCH_ROWS = 16_384
THREADED_SCALE = 4  # pieces that go from thread to thread are larger: fewer hand-overs count for more than a core's own cache
QUEUED_BLOCKS = 4  # blocks
QUEUED_LOTS = 6  # lots of flows that are over and wait for their rows to be made
QUEUED_BATCHES = 1  # batches of rows that wait to be written
THREADS_FROM_BYTES = 8 << 20  # a smaller capture is metered before threads pay


class Meter:
    """Meters one capture.

    Parameters
    ----------
    path : Path or "-"
    profile : str
    name : str
        Value of the column `capture`; the file's name when empty.
    keep_going : bool
        Note a fault in the ledger instead of raising it.
    with_digest : bool
        Whether the ledger gets the file's SHA-256.
    rows_wanted : bool
        False when only the bookings matter.
    threads : int
        1 does everything in the caller's thread; 2 reads and decodes in one, meters in another, makes rows in
        a third, and leaves them to the caller; 0 is 2 for a capture of some size where there is more than one
        core. The result is the same.
    prompt : bool
        Let a flow that is over be so with its block, and look for silent flows every second of packet time.
    timeouts
        See profiles.rules_of.
    columns : iterable of str
        Optional groups of columns: sequence, context (see columns.groups.OPTIONAL).
    max_bytes : int
        How much a compressed capture may expand to; 0: any amount.
    """

    def __init__(
        self,
        path: Path | str,
        profile: str = "clean",
        *,
        name: str = "",
        keep_going: bool = False,
        with_digest: bool = True,
        rows_wanted: bool = True,
        threads: int = 0,
        prompt: bool = False,
        flow_timeout_s: float = 120.0,
        activity_timeout_s: float = 5.0,
        idle_timeout_s: float = 120.0,
        tunnels: str = "inner",
        columns: Iterable[str] = (),
        max_bytes: int = 0,
    ) -> None:
        self.columns = check_columns(columns)
        self.profile: Profile = profile_named(profile)
        self.rules = rules_of(
            self.profile,
            flow_timeout_s=flow_timeout_s,
            activity_timeout_s=activity_timeout_s,
            idle_timeout_s=idle_timeout_s,
            tunnels=tunnels,
        )
        self.origin = meter_origin(
            self.profile,
            flow_timeout_s=flow_timeout_s,
            activity_timeout_s=activity_timeout_s,
            idle_timeout_s=idle_timeout_s,
            tunnels=tunnels,
        )
        self.name = text_of_name(name or ("stdin" if str(path) == "-" else Path(path).name))
        self.keep_going = keep_going
        self.threads = threads or _threads_for(path)
        larger = THREADED_SCALE if self.threads > 1 else 1
        self.capture = Capture(
            path,
            name=readable_name(str(path)),
            keep_going=keep_going,
            check_times=self.rules.logic == CLEAN,
            with_digest=with_digest,
            take_apart=bool(self.rules.true_links),
            frames_per_block=larger * FRAMES_PER_BLOCK,
            read_bytes=larger * READ_BYTES,
            max_bytes=max_bytes,
        )
        self.ledger = Ledger(self.name, profile)
        self.rows_wanted = rows_wanted
        self.prompt = prompt
        sequences = "sequence" in self.columns and rows_wanted
        self.builder = RowBuilder(self.name, self.profile, rows=BATCH_ROWS, sequences=sequences)
        self.table = FlowTable(self.rules, output_flows=larger * OUTPUT_FLOWS, sequences=sequences)
        self.decoder = Decoder(self.rules)
        self.sweeper = Sweeper(self.table, prompt=prompt)
        self._fault: CaptureFault | None = None
        compile_ahead(profile)

    def batches(self, progress: Callable[[int], object] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows as flows finish, then those that are left; the ledger is complete after the last.

        Raises
        ------
        CaptureFault
            After all rows, unless `keep_going`.
        OSError
            When the file cannot be opened.
        """
        if self.threads > 1:
            decoded = Background(self._decoded(None), depth=QUEUED_BLOCKS, in_batch=True)
            over = Background(self._metered(decoded, progress), depth=QUEUED_LOTS)  # it has most to do
            rows = Background(self._rows(over), depth=QUEUED_BATCHES, in_batch=True)
            with under_batch_scheduling():
                yield from self._with_context(rows)
        else:
            yield from self._with_context(self._rows(self._metered(self._decoded(1), progress)))
        self.raise_fault()

    def _with_context(self, batches: Iterable[pa.RecordBatch | Certain]) -> Iterator[pa.RecordBatch]:
        """Add the context of each flow, where it is wanted; it is known when no flow can come that ended before."""
        if "context" not in self.columns:
            yield from (batch for batch in batches if not isinstance(batch, Certain))
            return
        from iotids.flowmeter.context.of_capture import add_context

        yield from add_context(batches)

    def _rows(self, over: Iterable[list[Over] | Certain]) -> Iterator[pa.RecordBatch | Certain]:
        """Turn flows that are over into rows; yields each batch that becomes full, and the rest."""
        for lots in over:
            if isinstance(lots, Certain):
                yield from self.builder.rest()
                yield lots
                continue
            for lot in lots:
                yield from self.builder.add(*lot)
            if not lots and self._is_due():  # behind a block
                yield from self.builder.rest()
        yield from self.builder.rest()

    def _is_due(self) -> bool:
        """Whether rows that are ready go out now, before there is a batch of them (LiveMeter)."""
        return False

    def _metered(
        self, decoded: Iterable[Decoded], progress: Callable[[int], object] | None
    ) -> Iterator[list[Over] | Certain]:
        """Meter packets; yields flows that are over, at least once a block, and for their context up to when all are,
        then closes the ledger.
        """
        booked = np.empty(self.capture.frames_per_block, np.int64)
        certain = self.sweeper.certain
        for part in decoded:
            for lot in self._meter_part(part, booked):
                yield [lot]
            yield []
            if "context" in self.columns and self.sweeper.certain is not certain:
                certain = self.sweeper.certain
                yield certain
            if progress is not None:
                progress(part.n)
        for lot in self._end():
            yield [lot]

    def booked_blocks(self) -> Iterator[tuple[Block, np.ndarray]]:
        """Meter block by block; yields each block and the flow number of each of its packets, both valid
        until the next.
        """
        booked = np.empty(self.capture.frames_per_block, np.int64)
        for part in self._decoded(1):
            for _ in self._meter_part(part, booked):
                pass
            yield part.block, booked
        for _ in self._end():
            pass

    def _decoded(self, buffers: int | None) -> Iterator[Decoded]:
        """Read and decode; a fault of the capture ends it and is kept. buffers: 1 when each part is used up
        before the next.
        """
        size = self.capture.frames_per_block
        ring = [
            np.empty(size, layout.PACKET) for _ in range(buffers or QUEUED_BLOCKS + 2)
        ]  # queued, in use, being written
        try:
            for i, block in enumerate(self.capture.blocks()):
                packets = ring[i % len(ring)]
                n = self.decoder.decode(block, packets)
                yield Decoded(block, packets, n, block.first_number, block.oldest_us)
        except CaptureFault as fault:
            self._fault = fault.with_traceback(None)  # the traceback would keep the buffers alive

    def _meter_part(self, part: Decoded, booked: np.ndarray) -> Iterator[Over]:
        """Book some packets, and look for silent flows when it is time to; yields the flows that are over."""
        self.table.meter(part.packets, part.n, part.first_number, booked)
        yield from self._counted(self.table.take())
        yield from self._counted(self.sweeper.sweep(part.oldest_us, part.n))
        if self.prompt:
            self.table.flush()
            yield from self._counted(self.table.take())

    def _counted(self, lots: Iterable[Over]) -> Iterator[Over]:
        """Note flows that are over in the ledger."""
        for keys, flows, sequences in lots:
            self.ledger.flows += len(flows)
            for name in ("first_packet", "last_packet") if self.capture.n_extra else ():
                flows[name] = self.capture.frame_numbers(flows[name])
            if self.rows_wanted:
                yield keys, flows, sequences

    def _end(self) -> Iterator[Over]:
        """Yield the flows that are left and close the ledger."""
        yield from self._counted(self.table.finish())
        self._close()
        self.table.release()

    def raise_fault(self) -> None:
        """Raise the fault that the capture ended with, unless `keep_going`."""
        if self._fault is not None and not self.keep_going:
            raise self._fault

    def _close(self) -> None:
        """Complete the ledger and check it."""
        ledger, capture, counters = self.ledger, self.capture, self.table.counters
        ledger.format, ledger.size, ledger.sha256, ledger.packets = (
            capture.format,
            capture.size,
            capture.sha256,
            capture.packets,
        )
        for link, n in sorted(capture.links.items()):
            name = LINK_NAMES.get(link, f"link type {link}")
            ledger.links[name] = ledger.links.get(name, 0) + n
        ledger.out_of_order = int(self.decoder.remembered.order[layout.OUT_OF_ORDER])
        ledger.aggregated = capture.n_extra
        ledger.time_carried, ledger.time_inherited = capture.time_carried, capture.time_inherited
        ledger.flows_created = int(counters[layout.CREATED])
        ledger.packets_in_written_flows = int(counters[layout.EMITTED_PACKETS])
        ledger.flows_not_written = int(counters[layout.UNWRITTEN])
        ledger.packets_in_flows_not_written = int(counters[layout.UNWRITTEN])  # they have one packet each
        if self._fault is not None:
            ledger.complete, ledger.fault = False, str(self._fault)
        ledger.close(self.table.counts + self.decoder.remembered.counts)


def _threads_for(path: Path | str) -> int:
    """2 where a second thread pays: more than one core, and a capture of some size or one whose size is not
    known.
    """
    size = (
        Path(path).stat().st_size
        if str(path) != "-" and Path(path).is_file()
        else THREADS_FROM_BYTES * (str(path) == "-")
    )
    return 2 if size >= THREADS_FROM_BYTES and usable_cores() > 1 else 1


def flows_from_capture(
    path: Path | str,
    profile: str = "clean",
    *,
    name: str = "",
    keep_going: bool = False,
    flow_timeout_s: float = 120.0,
    activity_timeout_s: float = 5.0,
    idle_timeout_s: float = 120.0,
    tunnels: str = "inner",
    columns: Iterable[str] = (),
    max_bytes: int = 0,
) -> pa.Table:
    """Flow table of a capture.

    Parameters
    ----------
    path : Path or "-"
        pcap or pcapng, plain or .gz, .xz, .zst; "-" is standard input.
    profile : str
        original, paper, corrected or clean.
    name : str
        Value of the column `capture`; the file's name when empty.
    keep_going : bool
        On a damaged capture return the flows before the damage; the table's metadata `incomplete` then says
        what is wrong.
    flow_timeout_s, activity_timeout_s, idle_timeout_s, tunnels
        See profiles.rules_of.
    columns : iterable of str
        Optional groups of columns: "sequence", the first 32 packets of each flow, and "context", what its end points
        did before it ended.
    max_bytes : int
        How much a compressed capture may expand to; 0: any amount.

    Returns
    -------
    pa.Table
        IDENTITY and FEATURES of columns/schema.py, for corrected and clean also CORRECTED_EXTRAS; rows in the order
        of CICFlowMeter. An empty capture gives an empty table. Its metadata say how it was metered
        (`writing.table_origin`).

    Raises
    ------
    CaptureFault
        For a damaged capture, unless `keep_going`.
    OSError
        When the file cannot be opened.
    """
    meter = Meter(
        path,
        profile,
        name=name,
        keep_going=keep_going,
        with_digest=False,
        flow_timeout_s=flow_timeout_s,
        activity_timeout_s=activity_timeout_s,
        idle_timeout_s=idle_timeout_s,
        tunnels=tunnels,
        columns=columns,
        max_bytes=max_bytes,
    )
    schema = schema_of(meter.profile, meter.columns)
    table = pa.Table.from_batches(list(meter.batches()), schema)
    fault = {} if meter.ledger.complete else {"incomplete": meter.ledger.fault}
    return table.replace_schema_metadata({**meter.origin, **fault})
