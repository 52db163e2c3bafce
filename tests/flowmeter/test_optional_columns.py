"""Packet sequences and context in the files that the meter writes; Arrow IPC beside Parquet; a limit for what a
compressed capture may expand to.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import iotids
from iotids.flowmeter.captures import NamedCapture, Options, meter_captures
from iotids.flowmeter.columns.context import CONTEXT_NAMES
from iotids.flowmeter.columns.schema import SEQUENCE
from iotids.flowmeter.context import of_capture, with_context
from iotids.flowmeter.flows import Meter
from iotids.version import VERSION
from tests.bench.capture import write_capture
from tests.packets import ACK, PSH, SYN, Record, ethernet, ipv4, tcp, write_pcap

ROOT = Path(__file__).parents[2]
BOTH = ("sequence", "context")
A, B = "10.0.0.1", "10.0.0.2"


def run_meter(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stages.meter", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def options_with(columns: tuple[str, ...]) -> Options:
    return Options("clean", 120.0, 5.0, 120.0, "inner", False, columns, 0)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("columns") / "busy.pcap"
    write_capture(path, flows=3_000)
    return path


def test_a_sequence_has_sign_gap_and_flags_of_each_packet(tmp_path: Path) -> None:
    there, back = (1000, 80), (80, 1000)
    records = [
        Record(5_000_000, ethernet(ipv4(A, B, 6, tcp(*there, flags=SYN)))),
        Record(5_000_300, ethernet(ipv4(B, A, 6, tcp(*back, flags=SYN | ACK)))),
        Record(5_001_000, ethernet(ipv4(A, B, 6, tcp(*there, flags=PSH | ACK, seq=1, payload=b"abc")))),
        Record(7_001_000, ethernet(ipv4(B, A, 6, tcp(*back, flags=PSH | ACK, seq=1, payload=b"12345")))),
    ]
    (row,) = iotids.flows_from_capture(
        write_pcap(tmp_path / "a.pcap", records), columns=("sequence",)
    ).to_pylist()
    assert row["sequence_bytes"] == [0, 0, 3, -5, *[0] * 28]
    assert row["sequence_iat_us"] == [0, 300, 700, 2_000_000, *[0] * 28]
    assert row["sequence_flags"] == [2, 18, 24, 24, *[0] * 28]


def test_of_more_than_32_packets_a_sequence_has_the_first(tmp_path: Path) -> None:
    packets = [ipv4(A, B, 17, b"\x03\xe8\x00\x35" + bytes([0, 8 + n, 0, 0]) + bytes(n)) for n in range(40)]
    records = [Record(1_000_000 + 10 * n, ethernet(packet)) for n, packet in enumerate(packets)]
    (row,) = iotids.flows_from_capture(
        write_pcap(tmp_path / "a.pcap", records), columns=("sequence",)
    ).to_pylist()
    assert row["fwd_packets"] == 40
    assert row["sequence_bytes"] == list(range(32))
    assert row["sequence_iat_us"] == [0, *[10] * 31]


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
@pytest.mark.parametrize("for_keeping", [False, True])
def test_files_hold_what_the_function_returns(
    capture: Path, tmp_path: Path, suffix: str, for_keeping: bool
) -> None:
    out = tmp_path / f"flows{suffix}"
    meter_captures(
        [NamedCapture(capture, capture.name)], out, options_with(columns=BOTH), for_keeping=for_keeping
    )
    wanted = iotids.flows_from_capture(capture, columns=BOTH)
    if suffix == ".arrow":
        with pa.ipc.open_file(out) as file:
            said = {key.decode(): value.decode() for key, value in file.schema.metadata.items()}
            timeouts = {"flow_timeout_s": "120", "activity_timeout_s": "5", "idle_timeout_s": "120"}
            assert said == {
                "meter": f"iotids {VERSION}",
                "profile": "clean",
                "tunnels": "inner",
                **timeouts,
            }
            found = file.read_all()
    else:
        found = pq.read_table(out, use_threads=False)
        found = found.cast(pa.schema([field.with_nullable(False) for field in wanted.schema]))
    assert found.replace_schema_metadata().equals(wanted)


def test_rows_and_context_that_do_not_fit_in_memory_lie_in_files_and_are_the_same(
    capture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = list(Meter(capture, columns=BOTH).batches())
    monkeypatch.setattr(of_capture, "MEMORY_BYTES", 0)
    assert list(Meter(capture, columns=BOTH).batches()) == wanted


def test_rows_cut_otherwise_have_the_same_context(capture: Path) -> None:
    plain = pa.Table.from_batches(list(Meter(capture).batches()))
    wanted = with_context(plain).select(CONTEXT_NAMES)
    for size in (1, 97, 10_000):
        batches = (
            plain.to_batches(max_chunksize=size)
            if size > 1
            else plain.slice(0, 50).to_batches(max_chunksize=1)
        )
        found = pa.Table.from_batches(list(of_capture.add_context(batches))).select(CONTEXT_NAMES)
        assert found.equals(wanted if size > 1 else with_context(plain.slice(0, 50)).select(CONTEXT_NAMES))


def test_side_by_side_and_one_after_another_give_the_same_file(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captures = [NamedCapture(capture, "a"), NamedCapture(capture, "b")]
    meter_captures(captures, tmp_path / "one.parquet", options_with(columns=BOTH))
    monkeypatch.setattr("iotids.flowmeter.captures.SIDE_BY_SIDE_BYTES", 0)
    mapper = lambda function, items, description: [function(item) for item in items]  # noqa: E731
    meter_captures(captures, tmp_path / "two.parquet", options_with(columns=BOTH), mapper=mapper)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_without_optional_columns_there_is_no_memory_for_them(capture: Path) -> None:
    meter = Meter(capture)
    assert len(meter.table.sequences) == 1
    assert not {column.name for column in SEQUENCE} & set(next(iter(meter.batches())).schema.names)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--columns", "sequence,contex"), "columns contex: unknown; there are sequence, context"),
        (("--columns", "context", "-o", "{}/flows.csv"), "the name must end in .parquet or .arrow"),
        (("-o", "{}/flows.feather"), "the name must end in .parquet, .arrow or .csv"),
        (("--max-bytes", "-5"), "'-5' is no number of bytes"),
        (("--max-bytes", "5 GB"), "'5 GB' is no number of bytes"),
        (("--max-bytes", "nan"), "'nan' is no number of bytes"),
    ],
)
def test_what_cannot_be_is_said_in_one_line_and_nothing_is_written(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    capture = write_pcap(tmp_path / "a.pcap", [Record(0, b"")])
    given = [argument.format(tmp_path) for argument in arguments]
    done = run_meter(capture, *(["-o", tmp_path / "flows.parquet"] if "-o" not in given else []), *given)
    assert done.returncode != 0
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.pcap"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_what_expands_to_more_than_the_limit_gives_the_flows_before_it_and_says_so(
    tmp_path: Path, pack: Any
) -> None:
    plain = write_pcap(
        tmp_path / "plain.pcap", [Record(n, ethernet(ipv4(A, B, 6, tcp(n, 80)))) for n in range(1, 20_000)]
    )
    path, out = tmp_path / "a.pcap.packed", tmp_path / "flows.parquet"
    path.write_bytes(pack(plain.read_bytes()))
    assert run_meter(path, "-o", out).returncode == 0
    whole = pq.read_table(out).num_rows
    done = run_meter(path, "-o", out, "--max-bytes", "300e3")
    assert done.returncode == 1
    assert (
        "it expands to more than 300,000 bytes, the limit; raise --max-bytes if the file can be trusted"
        in done.stderr
    )
    assert 1_000 < pq.read_table(out).num_rows < whole
    assert run_meter(path, "-o", out, "--max-bytes", "2e6").returncode == 0
    assert run_meter(plain, "-o", out, "--max-bytes", "1000").returncode == 0  # nothing expands here


def test_of_a_bomb_no_more_is_read_than_the_limit(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.pcap.gz"
    head = write_pcap(tmp_path / "a.pcap", [Record(1, b"")]).read_bytes()[:24]
    bomb.write_bytes(gzip.compress(head + bytes(50_000_000), 9))
    done = run_meter(bomb, "-o", tmp_path / "flows.parquet", "--max-bytes", "1e6")
    assert done.returncode == 1
    assert "it expands to more than 1,000,000 bytes" in done.stderr
    totals = json.loads((tmp_path / "flows.ledger.json").read_text())["totals"]
    assert totals["packets"] == (1_000_000 - 24) // 16
    assert not totals["complete"]


def test_an_incomplete_capture_is_marked_in_an_arrow_file(tmp_path: Path) -> None:
    whole = write_pcap(
        tmp_path / "a.pcap", [Record(n, ethernet(ipv4(A, B, 6, tcp(n, 80)))) for n in range(1, 9)]
    )
    whole.write_bytes(whole.read_bytes()[:-5])
    out = tmp_path / "flows.arrow"
    assert run_meter(whole, "-o", out).returncode == 1
    with pa.ipc.open_file(out) as file:
        assert file.read_all().num_rows == 7
        _, metadata = file.get_batch_with_custom_metadata(file.num_record_batches - 1)
    assert b"incomplete" in metadata
    assert np.all(list(tmp_path.glob(".*")) == [])
