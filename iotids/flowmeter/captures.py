"""Several captures into one flow table: one after another, or side by side with the same result."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from iotids.flowmeter.flows import Meter
from iotids.flowmeter.ledger import Ledger
from iotids.flowmeter.names import distinct_names, readable_name, text_of_name
from iotids.flowmeter.output.flow_files import Sink, read_back, sink_for
from iotids.flowmeter.output.origin import meter_origin
from iotids.flowmeter.profiles import profile_named
from iotids.flowmeter.reading import CaptureFault, is_capture_name

SIDE_BY_SIDE_BYTES = 64 << 20  # below this, starting processes takes longer than metering
Mapper = Callable[..., list[Any]]


@dataclass(frozen=True)
class Options:
    """How to meter; see flows.Meter."""

    profile: str
    flow_timeout_s: float
    activity_timeout_s: float
    idle_timeout_s: float
    tunnels: str
    keep_going: bool
    columns: tuple[str, ...]
    max_bytes: int

    @property
    def origin(self) -> dict[str, str]:
        """What a flow table metered so says of itself."""
        return meter_origin(
            profile_named(self.profile),
            flow_timeout_s=self.flow_timeout_s,
            activity_timeout_s=self.activity_timeout_s,
            idle_timeout_s=self.idle_timeout_s,
            tunnels=self.tunnels,
        )


@dataclass(frozen=True)
class NamedCapture:
    """A capture file and its name in the flow table."""

    path: Path | str
    name: str


def named_captures(paths: Sequence[str]) -> list[NamedCapture]:
    """Name captures by their file names; those of one name in several folders keep as much of their folder as
    tells them apart.
    """
    names = map(text_of_name, distinct_names(paths))
    return [NamedCapture(path, name) for path, name in zip(paths, names, strict=True)]


def captures_of_source(root: Path, source: dict[str, Any]) -> list[NamedCapture]:
    """Captures of a source: all below its folder, sorted; for a label table those it names, in its order.

    Raises
    ------
    FileNotFoundError
        When there is none.
    """
    folder = root / str(source.get("folder", "."))
    if source.get("kind") == "label_table":
        names = _files_of_table(root / str(source["table"]))
    else:
        names = sorted(
            p.relative_to(folder).as_posix()
            for p in folder.rglob("*")
            if p.is_file() and is_capture_name(p.name)
        )
    if not names:
        raise FileNotFoundError(
            f"{folder}: no capture here; wanted are files ending in .pcap, .pcapng or .cap, also with .gz, .bz2, .xz, .zst or .lz4"
        )
    return [NamedCapture(folder / name, text_of_name(name)) for name in names]


def meter_into(
    sink: Sink,
    capture: NamedCapture,
    options: Options,
    *,
    for_keeping: bool = True,
    threads: int = 0,
    progress: Callable[[int], object] | None = None,
) -> Ledger:
    """Meter one capture into a sink; a fault or a file that does not open is noted in the ledger, not raised."""
    meter = Meter(
        capture.path,
        options.profile,
        name=capture.name,
        keep_going=options.keep_going,
        flow_timeout_s=options.flow_timeout_s,
        activity_timeout_s=options.activity_timeout_s,
        idle_timeout_s=options.idle_timeout_s,
        tunnels=options.tunnels,
        columns=options.columns,
        max_bytes=options.max_bytes,
        threads=threads,
        with_digest=for_keeping,
    )
    try:
        for batch in meter.batches(progress):
            sink.write(batch)
    except CaptureFault:
        pass  # noted in the ledger
    except OSError as error:
        if str(error.filename) != str(capture.path):  # a full disk, and no fault of the capture's
            raise
        meter.ledger.complete, meter.ledger.fault = (
            False,
            f"{readable_name(str(capture.path))}: cannot be read ({error.strerror or error})",
        )
    return meter.ledger


def meter_captures(
    captures: Sequence[NamedCapture],
    out: Path,
    options: Options,
    *,
    suffix: str = "",
    mapper: Mapper | None = None,
    for_keeping: bool = True,
    threads: int = 0,
    progress: Callable[[int], object] | None = None,
) -> list[Ledger]:
    """Write the flows of some captures to one file.

    Parameters
    ----------
    captures : sequence of NamedCapture
        The table has their flows in this order.
    out : Path
        Parquet, Arrow IPC or CSV, by `suffix` or else by its name.
    options : Options
    mapper : callable, optional
        Like plumbing.parallel.parallel_map; used when there are several captures of some size. The file is
        the same without it.
    for_keeping : bool
        Write the captures' SHA-256 into the ledgers and compress every column of a Parquet file; takes half
        as long again.
    threads : int
        See flows.Meter.
    progress : callable, optional
        Called with the number of packets done since the last call.

    Returns
    -------
    list of Ledger
        One per capture. Metering stops at the first fault unless `options.keep_going`.
    """
    profile = profile_named(options.profile)
    sizes = [Path(c.path).stat().st_size if Path(c.path).is_file() else 0 for c in captures]
    with sink_for(
        out, profile, suffix=suffix, compact=for_keeping, columns=options.columns, origin=options.origin
    ) as sink:
        if mapper is not None and len(captures) > 1 and sum(sizes) >= SIDE_BY_SIDE_BYTES:
            ledgers = _side_by_side(
                captures, out, sink, partial(_meter_part, options=options, for_keeping=for_keeping), mapper
            )
        else:
            ledgers = []
            for capture in captures:
                ledgers.append(
                    meter_into(
                        sink, capture, options, for_keeping=for_keeping, threads=threads, progress=progress
                    )
                )
                if not ledgers[-1].complete and not options.keep_going:
                    break
        sink.close("; ".join(ledger.fault for ledger in ledgers if not ledger.complete))
    return ledgers


def _side_by_side(
    captures: Sequence[NamedCapture], out: Path, sink: Sink, meter_part: partial[Ledger], mapper: Mapper
) -> list[Ledger]:
    """Meter captures in several processes, each into a file of its own, and join these in order."""
    parts = [(capture, out.with_name(f".{out.name}.{i}.part")) for i, capture in enumerate(captures)]
    try:
        ledgers: list[Ledger] = mapper(meter_part, parts, description="meter")
        faults = [i for i, ledger in enumerate(ledgers) if not ledger.complete]
        if faults and not meter_part.keywords["options"].keep_going:
            ledgers = ledgers[: faults[0] + 1]
        for _, part in parts[: len(ledgers)]:
            for batch in read_back(part):
                sink.write(batch)
    finally:
        for _, part in parts:
            part.unlink(missing_ok=True)
    return ledgers


def _meter_part(item: tuple[NamedCapture, Path], *, options: Options, for_keeping: bool) -> Ledger:
    """Meter one capture into a Parquet file of its own."""
    capture, part = item
    profile = profile_named(options.profile)
    with sink_for(part, profile, suffix=".parquet", compact=False, columns=options.columns) as sink:
        ledger = meter_into(sink, capture, options, for_keeping=for_keeping, threads=1)
        sink.close()
    return ledger


def _files_of_table(table: Path) -> list[str]:
    """Capture files that a label table names, each once, in its order.

    Raises
    ------
    ValueError
        It is no UTF-8 text, no CSV, or has no column `file`.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{table}: no CSV in UTF-8 ({error}); it must have a column `file`") from error
    if rows and "file" not in rows[0]:
        raise ValueError(f"{table}: no column `file`; came {', '.join(map(repr, list(rows[0])[:20]))}")
    return list(dict.fromkeys(name for row in rows if (name := (row["file"] or "").strip())))
