"""Captures and sources of any name through the stages meter, label, integrate and audit: every flow keeps its capture's name."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from iotids.detecting.running.verdict_files import _csv_lines
from iotids.flowmeter.captures import captures_of_source
from iotids.plumbing.params import compose
from tests.flowmeter.test_reading import PACKERS
from tests.packets import Record, ethernet, ipv4, pcap_bytes, udp

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {"my site": "a folder", "=cmd|'calc'!A0": "[b]"}
NAMES = {  # bytes of the file's name below the source's folder, and its name in tables
    b"day1/x.pcap": "day1/x.pcap",
    b"day2/x.pcap": "day2/x.pcap",
    b"caf\xe9.pcap": "caf\\xe9.pcap",
    "café 雪.pcap".encode(): "café 雪.pcap",
    b"scan[1].pcap": "scan[1].pcap",
    b'it\'s "one", two.pcap': 'it\'s "one", two.pcap',
    b"two\nlines.pcap": "two\nlines.pcap",
    b"BIG.PCAP": "BIG.PCAP",
    b"packed.Pcap.BZ2": "packed.Pcap.BZ2",
    b"=cmd|'calc'!A0.pcap": "=cmd|'calc'!A0.pcap",
    b"100%20?#.pcap": "100%20?#.pcap",
}
RULES = """
default: BENIGN
rules:
  - {label: SCANNING, captures: 'scan[1].pcap'}
  - {label: DOS, captures: 'day2/x.pcap'}
  - {label: MIRAI, captures: 'packed.Pcap.BZ2'}
"""
LABELS = {"scan[1].pcap": "SCANNING", "day2/x.pcap": "DOS", "packed.Pcap.BZ2": "MIRAI"}


def talk(port: int) -> bytes:
    """A capture of four flows with an answer each."""
    records = []
    for i in range(4):
        ask = ipv4("192.0.2.1", "192.0.2.2", 17, udp(port + i, 53, bytes(20 + i)))
        answer = ipv4("192.0.2.2", "192.0.2.1", 17, udp(53, port + i, bytes(40 + i)))
        time_us = 1_600_000_000_000_000 + port * 1_000_000 + i * 200_000
        records += [Record(time_us, ethernet(ask)), Record(time_us + 900 + i, ethernet(answer))]
    return pcap_bytes(records)


def stage(home: Path, *words: object) -> str:
    """Run a stage; what it said."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A project's folder with captures of such names, metered, labelled, integrated and audited."""
    home = tmp_path_factory.mktemp("names")
    compose(["preset=smoke"], home / "params.yaml", ROOT / "conf")
    params = yaml.safe_load((home / "params.yaml").read_text(encoding="utf-8"))
    rules = {"kind": "rules", "rules": "rules.yaml"}
    params["data"]["root"] = str(home)
    params["data"]["sources"] = {name: {**rules, "folder": folder} for name, folder in SOURCES.items()}
    params["data"]["classes"] = ["BENIGN", *dict.fromkeys(LABELS.values())]
    params["label"]["unlabelled"] = "error"
    params["integrate"]["keep"] = {}
    (home / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    (home / "rules.yaml").write_text(RULES, encoding="utf-8")
    for n_source, folder in enumerate(SOURCES.values()):
        for number, name in enumerate(NAMES):
            path = Path(os.fsdecode(os.fsencode(home / folder) + b"/" + name))
            path.parent.mkdir(parents=True, exist_ok=True)
            content = talk(1000 + 100 * number + 5000 * n_source)
            path.write_bytes(PACKERS["bzip2"](content) if name.endswith(b"BZ2") else content)
    for source in SOURCES:
        flows, labelled = Path("out/flows") / f"{source}.parquet", Path("out/labelled") / f"{source}.parquet"
        stage(
            home, "stages.meter", "--source", source, "--out", flows, "--ledger", flows.with_suffix(".json")
        )
        stage(
            home,
            *("stages.label", "--source", source, "--flows", flows, "--out", labelled),
            *("--summary", labelled.with_suffix(".json")),
        )
    stage(home, "stages.integrate", "--labelled", "out/labelled", "--out", "out/dataset")
    return home


def test_every_capture_is_metered_and_labelled_under_its_own_name(home):
    for source in SOURCES:
        table = pq.read_table(home / "out" / "labelled" / f"{source}.parquet")
        rows = table.select(["capture", "label", "source"]).to_pylist()
        assert {row["capture"] for row in rows} == set(NAMES.values())
        assert all(row["label"] == LABELS.get(row["capture"], "BENIGN") for row in rows)
        assert {row["source"] for row in rows} == {source}
        assert len(rows) == 4 * len(NAMES)
        ledger = json.loads((home / "out" / "flows" / f"{source}.json").read_text(encoding="utf-8"))
        assert "packed.Pcap.BZ2" in json.dumps(ledger)


def test_the_dataset_keeps_every_flow_and_its_table_names_no_formula(home):
    dataset = pq.read_table(home / "out" / "dataset" / "flows.parquet")
    assert set(dataset["capture"].to_pylist()) == set(NAMES.values())
    text = (home / "out" / "dataset" / "table2.csv").read_text(encoding="utf-8")
    cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
    assert any("cmd|" in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "@", "+")) and not cell[1:].isdigit()]


def test_verdicts_as_csv_hold_no_formula(tmp_path):
    table = pa.table({"capture": ["=cmd|'calc'!A0.pcap", "a.pcap"], "log_odds": [-1.5, 2.0]})
    assert _csv_lines(table, header=False) == b'"\'=cmd|\'calc\'!A0.pcap",-1.5\n"a.pcap",2\n'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name,class\na.pcap,DOS\n", "no column `file`; came 'name', 'class'"),
        (b"file,class\ncaf\xe9.pcap,DOS\n", "no CSV in UTF-8"),
        (b"file,class\n" + b"a" * 200_000 + b",DOS\n", "no CSV in UTF-8"),
    ],
)
def test_a_table_that_names_no_captures_is_refused_by_name(tmp_path, content, said):
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(ValueError, match="table.csv: ") as refused:
        captures_of_source(tmp_path, {"kind": "label_table", "table": "table.csv"})
    assert said in str(refused.value)


def test_a_table_with_a_byte_order_mark_names_its_captures_once_each(tmp_path):
    (tmp_path / "table.csv").write_bytes("\ufefffile,class\na.pcap,DOS\nb.pcap,DOS\na.pcap,BENIGN\n".encode())
    found = captures_of_source(tmp_path, {"kind": "label_table", "table": "table.csv"})
    assert [capture.name for capture in found] == ["a.pcap", "b.pcap"]
