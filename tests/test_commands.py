"""The command `iotids`: sub-commands, help, exit codes, and what a user can type wrong."""

import json
import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from iotids.commands import COMMANDS
from iotids.version import VERSION
from tests.packets import SYN, Record, ethernet, ipv4, tcp, udp, write_pcap

ROOT = Path(__file__).resolve().parents[1]


def iotids(*arguments, cwd, python=(sys.executable, "-m", "iotids")):
    return subprocess.run(
        [*python, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def captures(tmp_path):
    """Two captures of one name in two folders: a DNS question, and SYN packets to two ports."""
    question = ethernet(ipv4("10.0.0.2", "10.0.0.1", 17, udp(5000, 53, b"a")))
    scan = [ethernet(ipv4("10.0.0.9", "10.0.0.2", 6, tcp(4000, port, flags=SYN))) for port in (23, 80)]
    for folder, frames in (("a", [question]), ("b", [question, *scan])):
        (tmp_path / folder).mkdir()
        write_pcap(
            tmp_path / folder / "day.pcap", [Record(i * 1_000_000, frame) for i, frame in enumerate(frames)]
        )
    return ["a/day.pcap", "b/day.pcap"]


def test_the_entry_point_of_the_package_is_the_command():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = declared["iotids"].partition(":")
    assert callable(getattr(import_module(module), function))


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_the_help_names_every_command_and_fits_a_screen(tmp_path, words):
    done = iotids(*words, cwd=tmp_path)
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert len(done.stdout.splitlines()) <= 30
    assert max(map(len, done.stdout.splitlines())) <= 100


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_help_under_its_own_name(tmp_path, name):
    done = iotids(name, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: iotids {name} ")
    assert len(done.stdout.splitlines()) <= 45


def test_an_unknown_command_gets_those_that_are_known_and_the_nearest(tmp_path):
    done = iotids("metre", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean `iotids meter`?" in done.stderr
    assert all(name in done.stderr for name in COMMANDS)


def test_captures_of_one_name_keep_their_folders(tmp_path, captures):
    done = iotids("meter", *captures, "-o", "flows.parquet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = pq.read_table(tmp_path / "flows.parquet").column("capture").to_pylist()
    assert sorted(set(names)) == captures


def test_captures_of_different_names_have_no_folder(tmp_path, captures):
    (tmp_path / "b" / "day.pcap").rename(tmp_path / "b" / "night.pcap")
    iotids("meter", "a/day.pcap", "b/night.pcap", "-o", "flows.parquet", cwd=tmp_path)
    assert set(pq.read_table(tmp_path / "flows.parquet").column("capture").to_pylist()) == {
        "day.pcap",
        "night.pcap",
    }


@pytest.mark.parametrize("name", [b"caf\xe9.pcap", b"a [1]'\" .pcap", b"=cmd|' C'!A0.pcap", b"a\nb.PCAP"])
def test_any_name_that_a_file_system_allows_can_be_metered_and_labelled(tmp_path, captures, name):
    (tmp_path / "b" / "day.pcap").rename(tmp_path / os.fsdecode(name))
    (tmp_path / "rules.yaml").write_text("default: BENIGN\nrules: [{label: SCAN, host: 10.0.0.9}]\n")
    capture = os.fsdecode(name)
    assert iotids("meter", capture, "-o", "flows.parquet", cwd=tmp_path).returncode == 0
    assert pq.read_table(tmp_path / "flows.parquet").num_rows == 3
    done = iotids("label", capture, "--rules", "rules.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(pq.read_table(tmp_path / "labelled.parquet").column("label").to_pylist()) == [
        "BENIGN",
        "SCAN",
        "SCAN",
    ]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["nothing.pcap"], "nothing.pcap: no such file"),
        (["no\nthing.pcap"], r"no\nthing.pcap: no such file"),
        (["a"], "a is a folder; name the captures in it"),
        (["-", "a/day.pcap"], "standard input goes alone"),
        (["no.pcap"], "it is text that begins with 'no capture', not a capture; give a pcap or pcapng file"),
        (["a/day.pcap", "-o", "a"], "-o a is a folder; give the name of a file"),
    ],
)
def test_what_cannot_be_metered_is_one_line_and_the_old_table_stays(tmp_path, captures, arguments, wanted):
    (tmp_path / "no.pcap").write_text("no capture")
    (tmp_path / "flows.parquet").write_text("old")
    done = iotids("meter", *arguments, cwd=tmp_path)
    assert done.returncode == (
        1 if arguments == ["no.pcap"] else 2
    )  # what is in a file is found out while it is read
    assert wanted in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (tmp_path / "flows.parquet").read_text() == "old"
    assert not list(tmp_path.glob(".*.part"))


def test_rules_label_captures_metered_before_or_now_alike(tmp_path, captures):
    (tmp_path / "rules.yaml").write_text(
        "default: BENIGN\nrules: [{label: SCAN, filter: tcp.flags.syn == 1}]\n"
    )
    iotids("meter", *captures, "-o", "flows.parquet", cwd=tmp_path)
    now = iotids("label", *captures, "--rules", "rules.yaml", "-o", "now.parquet", cwd=tmp_path)
    before = iotids(
        *("label", *captures, "--rules", "rules.yaml", "--flows", "flows.parquet", "-o", "before.parquet"),
        cwd=tmp_path,
    )
    assert (now.returncode, before.returncode) == (0, 0), now.stderr + before.stderr
    assert "2 BENIGN, 2 SCAN" in now.stderr
    assert pq.read_table(tmp_path / "now.parquet").equals(pq.read_table(tmp_path / "before.parquet"))


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"rules": "none.yaml"}, "none.yaml: no such file"),
        ({"captures": ["a/day.pcap"], "flows": "flows.parquet"}, "name these captures, too"),
        ({"flows": "a/day.pcap"}, "no Parquet file"),
        ({"flows": "empty.parquet"}, "the table of flows is empty, so there is nothing to label"),
    ],
)
def test_what_cannot_be_labelled_is_one_line(tmp_path, captures, change, wanted):
    (tmp_path / "rules.yaml").write_text(
        "default: BENIGN\nrules: [{label: SCAN, filter: tcp.flags.syn == 1}]\n"
    )
    iotids("meter", *captures, "-o", "flows.parquet", cwd=tmp_path)
    pq.write_table(pq.read_table(tmp_path / "flows.parquet").slice(0, 0), tmp_path / "empty.parquet")
    words = [*change.get("captures", captures), "--rules", change.get("rules", "rules.yaml")]
    if "flows" in change:
        words += ["--flows", change["flows"]]
    done = iotids("label", *words, cwd=tmp_path)
    assert done.returncode == (2 if "rules" in change else 1)
    assert wanted in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_labelling_reports_what_the_rules_say_in_vain(tmp_path, captures):
    """A capture that the rules name and the command does not, and a capture whose packets make no flow."""
    (tmp_path / "rules.yaml").write_text(
        "default: BENIGN\nrules: [{label: SCAN, filter: tcp.flags.syn == 1}, {label: FLOOD, captures: night.pcap}]\n"
    )
    words = [*captures, "--rules", "rules.yaml", "--profile", "paper"]  # writes no flow of one packet
    done = iotids("label", *words, cwd=tmp_path)
    assert done.returncode == 1 and "the table of flows is empty" in done.stderr, done.stderr
    iotids("meter", *captures, "-o", "flows.parquet", cwd=tmp_path)
    flows = pq.read_table(tmp_path / "flows.parquet")
    pq.write_table(flows.filter(pc.equal(flows["capture"], "a/day.pcap")), tmp_path / "flows.parquet")
    done = iotids("label", *captures, "--rules", "rules.yaml", "--flows", "flows.parquet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "warning: missing_capture (1): mine: the ground truth names night.pcap" in done.stderr
    summary = json.loads((tmp_path / "labelled.json").read_text())
    assert summary["captures"] == 2 and summary["packets_of_classes_without_flows"] == {"SCAN": 2}


def test_a_log_of_zeek_labels_captures(tmp_path):
    """Two connections between the same endpoints, 30 s apart: one malicious, the other's label is a third word."""
    there = [
        Record(
            second * 1_000_000, ethernet(ipv4("192.0.2.1", "192.0.2.2", 6, tcp(4000, 80, flags=SYN, seq=seq)))
        )
        for second, seq in ((0, 1), (30, 5000))
    ]
    write_pcap(tmp_path / "a.pcap", there)
    line = "192.0.2.1\t4000\t192.0.2.2\t80\ttcp\t1.0"
    (tmp_path / "conn.log.labeled").write_text(
        "#fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\tlabel\tdetailed-label\n"
        f"0.0\t{line}\tMalicious\tC&C\n30.0\t{line}\tBackground\t-\n"
    )
    for classes, wanted, n_apart in (
        ("MIRAI,BENIGN", ["MIRAI", "BENIGN"], 0),
        ("MIRAI", ["MIRAI"], 1),
    ):
        words = ["a.pcap", "--zeek", "conn.log.labeled", "--classes", classes]
        done = iotids("label", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert pq.read_table(tmp_path / "labelled.parquet").column("label").to_pylist() == wanted
        assert f"{n_apart} kept apart" in done.stderr
    done = iotids("label", "a.pcap", "--rules", "conn.log.labeled", cwd=tmp_path)
    assert done.returncode == 1 and "give it with --zeek" in done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("drop", "no column of labels"),
        ("empty", "none of 4 rows has a label"),
        ("one empty", "1 of 4 flows have no label"),
        ("one class", "has 1 distinct values"),
        ("other names", "name the benign class with --benign"),
    ],
)
def test_a_table_without_labels_is_not_audited(tmp_path, captures, change, said):
    """Nothing is written over an audit that is there."""
    (tmp_path / "rules.yaml").write_text(
        "default: BENIGN\nrules: [{label: SCAN, filter: tcp.flags.syn == 1}]\n"
    )
    iotids("label", *captures, "--rules", "rules.yaml", cwd=tmp_path)
    table = pq.read_table(tmp_path / "labelled.parquet")
    place, texts = table.column_names.index("label"), table["label"].to_pylist()
    changed = {
        "empty": [None] * 4,
        "one empty": [None, *texts[1:]],
        "one class": ["BENIGN"] * 4,
        "other names": ["good" if text == "BENIGN" else text for text in texts],
    }
    table = (
        table.drop_columns(["label", "sublabel", "label_rule"])
        if change == "drop"
        else table.set_column(place, "label", pa.array(changed[change], pa.string()))
    )
    pq.write_table(table, tmp_path / "table.parquet")
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "audit.html").write_text("of yesterday")
    done = iotids("audit", "table.parquet", cwd=tmp_path)
    assert done.returncode == 1 and said in done.stderr and "table.parquet" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert (tmp_path / "audit" / "audit.html").read_text() == "of yesterday"


def test_a_labelled_table_can_be_audited(tmp_path, captures):
    (tmp_path / "rules.yaml").write_text(
        "default: BENIGN\nrules: [{label: SCAN, filter: tcp.flags.syn == 1}]\n"
    )
    iotids("label", *captures, "--rules", "rules.yaml", cwd=tmp_path)
    done = iotids("audit", "labelled.parquet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "4 flows of 1 sources" in (tmp_path / "audit" / "audit.md").read_text()
    assert (tmp_path / "audit" / "audit.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        ("none.parquet", "no such file"),
        ("flows.parquet", "no column of labels"),
        ("a/day.pcap", "no table that can be read"),
    ],
)
def test_a_table_that_cannot_be_audited_is_one_line(tmp_path, captures, table, wanted):
    iotids("meter", *captures, "-o", "flows.parquet", cwd=tmp_path)
    done = iotids("audit", table, cwd=tmp_path)
    assert done.returncode == (2 if wanted == "no such file" else 1)
    assert wanted in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_launcher_of_another_folder_runs_the_copy_it_stands_in(tmp_path):
    from iotids.plumbing.launcher import launcher

    command = tmp_path / "it's a launcher"
    command.write_text(launcher(ROOT, Path(sys.executable)))
    assert iotids("--version", cwd=tmp_path, python=("sh", str(command))).stdout.startswith("iotids ")
    copy = tmp_path / "copy"
    (copy / "iotids" / "commands").mkdir(parents=True)
    (copy / "dvc.yaml").write_text("")
    (copy / "iotids" / "__init__.py").write_text("")
    (copy / "iotids" / "commands" / "__init__.py").write_text("")
    (copy / "iotids" / "__main__.py").write_text("print('the copy')")
    assert iotids("--version", cwd=copy, python=("sh", str(command))).stdout == "the copy\n"
    (tmp_path / "random.py").write_text("raise SystemExit('a module that lies here by chance')")
    assert iotids("--version", cwd=tmp_path, python=("sh", str(command))).returncode == 0


def test_a_stage_runs_the_code_of_the_folder_it_is_started_in(tmp_path):
    """A queued experiment is a copy of the project; the environment may know another copy."""
    for package in ("stages", "iotids"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / "stages" / "meter.py").write_text("import iotids.mark; print(iotids.mark.__file__)")
    (tmp_path / "iotids" / "mark.py").write_text("")
    done = iotids(cwd=tmp_path, python=(sys.executable, "-m", "stages.meter"))
    assert done.stdout.strip() == str(tmp_path / "iotids" / "mark.py")


def test_the_citation_states_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == VERSION
