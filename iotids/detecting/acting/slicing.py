"""An incident's packets, copied byte for byte out of the captures that were judged, as pcap or pcapng."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from iotids.detecting.incidents.incident import Incident
from iotids.flowmeter.packets import packet_batches
from iotids.flowmeter.reading.streams import Counted, opened

PCAP_HEADER, PCAP_RECORD = 24, 16
SECTION, PACKET_BLOCKS = 0x0A0D0D0A, (2, 3, 6)  # pcapng: section header; obsolete, simple, enhanced packet
LARGEST_RECORD = 1 << 28  # bytes; a longer one is damage
# fmt: off
PCAP_ORDER = {
    b"\xd4\xc3\xb2\xa1": "little", b"\x4d\x3c\xb2\xa1": "little", b"\x34\xcd\xb2\xa1": "little",
    b"\xa1\xb2\xc3\xd4": "big", b"\xa1\xb2\x3c\x4d": "big", b"\xa1\xb2\xcd\x34": "big",
}
# fmt: on
PATCHED = (b"\x34\xcd\xb2\xa1", b"\xa1\xb2\xcd\x34")  # Kuznetzov's pcap: eight more bytes a record


class SliceError(ValueError):
    """An incident's packets cannot be written; the message says why."""


def write_slice(incident: Incident, paths: Mapping[str, str], out: Path, meter: Mapping[str, Any]) -> int:
    """Write the packets of an incident's flows to a capture; gives how many.

    Parameters
    ----------
    incident : Incident
        With `members`, the flow numbers by capture.
    paths : mapping
        Where each capture lies.
    meter : mapping
        Section `meter` of package.json: flow numbers are the meter's.

    Raises
    ------
    SliceError
        No packets, or captures that cannot be one file.
    OSError
        A capture cannot be read, or the file not be written.
    """
    names = sorted(incident.members)
    heads: set[bytes] = set()
    partial, written = out.with_name(f".{out.name}.part"), 0
    try:
        with partial.open("wb") as file:
            for name in names:
                flows = np.unique(np.concatenate(incident.members[name]))
                numbers = packets_of(paths[name], flows, meter)
                written += _copy(paths[name], numbers, file, heads)
        if not written:
            raise SliceError(f"{out}: none of the incident's packets is in {', '.join(names)}")
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return written


def suffix_of(path: str) -> str:
    """`.pcapng` or `.pcap`, by what a capture begins with; OSError where it cannot be read."""
    with Path(path).open("rb") as raw:
        start = io.BufferedReader(_Unpacked(opened(Counted(raw, with_digest=False)))).peek(4)[:4]
    return ".pcapng" if start == SECTION.to_bytes(4, "big") else ".pcap"


def packets_of(path: str, flows: np.ndarray, meter: Mapping[str, Any]) -> np.ndarray:
    """Packet numbers, from 1, of some flows (sorted int64 flow numbers) of a capture, in order."""
    found = []
    for batch in packet_batches(path, keep_going=True, **meter):
        flow = batch.column("flow_number").to_numpy()
        place = np.minimum(np.searchsorted(flows, flow), flows.size - 1)
        found.append(batch.column("packet_number").to_numpy()[flows[place] == flow])
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _copy(path: str, numbers: np.ndarray, out: BinaryIO, heads: set[bytes]) -> int:
    """Copy some packets of one capture behind what is there; gives how many."""
    with Path(path).open("rb") as raw:
        source = io.BufferedReader(_Unpacked(opened(Counted(raw, with_digest=False))), 1 << 20)
        start = source.peek(4)[:4]
        if start in PCAP_ORDER:
            records = _pcap_records(source)
            head = next(records)
            _check_alike(path, heads, head[:4] + head[20:24])
            if out.tell() == 0:
                out.write(head)
            return _copy_chosen(records, numbers, out, lambda record: True)
        if start != SECTION.to_bytes(4, "big"):
            raise SliceError(f"{path}: not a pcap or pcapng capture, so its packets cannot be copied")
        _check_alike(path, heads, start)
        return _copy_chosen(_pcapng_blocks(source), numbers, out, _is_packet)


def _check_alike(path: str, heads: set[bytes], kind: bytes) -> None:
    """Refuse a capture that cannot follow the ones before in one file."""
    heads.add(kind)
    if len(heads) > 1:
        raise SliceError(
            f"{path}: of another format or link type than the incident's other captures; judge it alone"
        )


def _copy_chosen(
    records: Iterator[bytes], numbers: np.ndarray, out: BinaryIO, is_packet: Callable[[bytes], bool]
) -> int:
    """Write what is no packet, and the packets of these numbers; gives how many of the latter."""
    wanted = iter(numbers.tolist())
    following, n, written = next(wanted, None), 0, 0
    for record in records:
        if following is None:
            break
        if is_packet(record):
            n += 1
            if n != following:
                continue
            following = next(wanted, None)
            written += 1
        out.write(record)
    return written


def _pcap_records(source: BinaryIO) -> Iterator[bytes]:
    """The file header, then each record with its header."""
    head = source.read(PCAP_HEADER)
    yield head
    order, longer = PCAP_ORDER[head[:4]], 8 if head[:4] in PATCHED else 0
    size = PCAP_RECORD + longer
    while len(start := source.read(size)) == size:
        length = int.from_bytes(start[8:12], order)  # type: ignore[arg-type]
        if length > LARGEST_RECORD or len(body := source.read(length)) < length:
            return
        yield start + body


def _pcapng_blocks(source: BinaryIO) -> Iterator[bytes]:
    """Every block with its lengths; each section has its own byte order."""
    order = "little"
    while len(start := source.read(8)) == 8:
        rest = b""
        if start[:4] == SECTION.to_bytes(4, "big"):
            rest = source.read(4)
            order = "big" if rest == b"\x1a\x2b\x3c\x4d" else "little"
        length = int.from_bytes(start[4:], order)  # type: ignore[arg-type]
        if not 12 <= length <= LARGEST_RECORD:
            return
        rest += source.read(length - 8 - len(rest))
        if len(rest) < length - 8:
            return
        yield start + rest


def _is_packet(block: bytes) -> bool:
    """Whether a pcapng block is a packet; block types below 256 are recognised in either byte order."""
    return block[1:3] == b"\0\0" and (block[0] or block[3]) in PACKET_BLOCKS and not (block[0] and block[3])


class _Unpacked(io.RawIOBase):
    """A reader of the unpacked bytes of a capture."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        return int(self._source.readinto(memoryview(target).cast("B")))


def captures_by_name(paths: Sequence[str]) -> dict[str, str]:
    """Where each capture lies, by the name that a flow table gives it.

    Raises
    ------
    SliceError
        Two of the same name, or standard input, whose packets are gone.
    """
    if "-" in paths:
        raise SliceError("--slice wants captures in files: what came on standard input cannot be read again")
    named = {Path(path).name: path for path in paths}
    if len(named) < len(set(paths)):
        raise SliceError(
            "--slice wants captures of different names: a flow names its capture by the file's name"
        )
    return named
