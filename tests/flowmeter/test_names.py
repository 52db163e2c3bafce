"""Names of captures are text, whatever bytes a file is called by."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from iotids.flowmeter.flows import flows_from_capture
from iotids.flowmeter.names import distinct_names, readable_name, text_of_name
from tests.packets import Record, ethernet, ipv4, pcap_bytes, udp

CAPTURE = pcap_bytes(
    [Record(10**15 + i, ethernet(ipv4("10.0.0.1", "10.0.0.2", 17, udp()))) for i in range(2)]
)
NAMES = {
    b"x.pcap": "x.pcap",
    b"caf\xe9.pcap": "caf\\xe9.pcap",
    "café 雪 [1].pcap".encode(): "café 雪 [1].pcap",
    b"two\nlines\r.pcap": "two\nlines\r.pcap",
    b'it\'s "one".pcap': 'it\'s "one".pcap',
    b"\x1b[31mred.pcap": "\x1b[31mred.pcap",
    b"=cmd|'calc'!A0.pcap": "=cmd|'calc'!A0.pcap",
    b"x.PCAP": "x.PCAP",
}


def written(folder: Path, name: bytes, content: bytes = CAPTURE) -> str:
    """A capture under a name of bytes; its path as Python knows it."""
    path = os.fsencode(folder) + b"/" + name
    Path(os.fsdecode(path)).write_bytes(content)
    return os.fsdecode(path)


@pytest.mark.parametrize(("name", "text"), NAMES.items(), ids=range(len(NAMES)))
def test_the_column_capture_has_the_name_as_text(tmp_path: Path, name: bytes, text: str) -> None:
    flows = flows_from_capture(written(tmp_path, name))
    assert flows.column("capture").to_pylist() == [text]


def test_no_readable_name_has_a_character_that_cannot_be_printed_or_encoded() -> None:
    everything = "".join(map(chr, range(0x3000))) + "".join(map(chr, range(0xDC80, 0xDD00)))
    text = readable_name(everything)
    assert text.isprintable()
    assert text.encode("utf-8").decode("utf-8") == text


@pytest.mark.parametrize("name", [b"caf\xe9.pcap", b"two\nlines.pcap"])
def test_messages_and_ledgers_of_such_a_file_are_on_one_line(tmp_path: Path, name: bytes) -> None:
    path = written(tmp_path, name, CAPTURE[:-1])
    command = [sys.executable, "-m", "stages.meter", path, "-o", str(tmp_path / "flows.parquet")]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cut off" in done.stderr
    (ledger,) = json.loads((tmp_path / "flows.ledger.json").read_text(encoding="utf-8"))["captures"]
    assert text_of_name(os.fsdecode(name)) == ledger["capture"]
    assert readable_name(os.fsdecode(name)) in ledger["fault"]
    incomplete = pq.read_metadata(tmp_path / "flows.parquet").metadata[b"incomplete"].decode()
    assert incomplete == ledger["fault"]
    assert len(done.stderr.splitlines()) == 2  # the capture, the sums


def test_captures_of_one_name_keep_what_tells_them_apart() -> None:
    assert distinct_names(["x.pcap", "y.pcap"]) == ["x.pcap", "y.pcap"]
    assert distinct_names(["day1/x.pcap", "day2/x.pcap", "z.pcap"]) == [
        "day1/x.pcap",
        "day2/x.pcap",
        "z.pcap",
    ]
    assert distinct_names(["a/1/x", "b/1/x", "b/2/x"]) == ["a/1/x", "b/1/x", "2/x"]
    assert distinct_names(["day1/x", "./day1/x", "day2/x"]) == ["day1/x", "day1/x", "day2/x"]
    assert distinct_names(["/x", "/a/x"]) == ["/x", "a/x"]
    assert distinct_names(["-"]) == ["stdin"]


def test_names_of_ten_thousand_captures_take_no_time() -> None:
    paths = [f"{i // 100}/deep/er/{i % 100}.pcap" for i in range(10_000)]
    assert len(set(distinct_names(paths))) == 10_000


def test_flows_of_captures_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = []
    for day in ("day1", "day2"):
        (tmp_path / day).mkdir()
        paths.append(written(tmp_path / day, b"x.pcap"))
    command = [sys.executable, "-m", "stages.meter", *paths, "-o", str(tmp_path / "flows.parquet")]
    subprocess.run(command, capture_output=True, check=True)
    flows = pq.read_table(tmp_path / "flows.parquet")
    assert flows.column("capture").to_pylist() == ["day1/x.pcap", "day2/x.pcap"]
