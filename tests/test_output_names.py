"""Files of a command line that cannot be read or written, or that name each other, are refused before anything is written, by
every command alike.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from iotids.plumbing.output_names import (
    BadPathError,
    check_ending,
    check_paths,
    refuse_clashes,
    refuse_repeated,
)
from tests.detecting.lab import DAY_US, benign_records, frame
from tests.packets import Record, tcp, write_pcap

ROOT = Path(__file__).resolve().parent.parent


def test_an_output_over_an_input_is_refused_also_by_a_link_and_by_another_spelling(tmp_path):
    capture, link = tmp_path / "c.pcap", tmp_path / "link.pcap"
    capture.write_bytes(b"x")
    link.symlink_to(capture)
    for name in (capture, link, tmp_path / "folder" / ".." / "c.pcap"):
        with pytest.raises(ValueError, match=r"--report .*would be overwritten"):
            refuse_clashes([capture], {"-o": tmp_path / "v.csv", "--report": name})


def test_two_outputs_of_one_name_are_refused_and_the_options_named(tmp_path):
    with pytest.raises(ValueError, match="--eve and --ecs both name"):
        refuse_clashes([], {"--eve": tmp_path / "a.json", "--ecs": str(tmp_path / "a.json")})


def test_what_is_no_file_may_be_named_twice():
    refuse_clashes(["-", None], {"-o": "-", "--report": "/dev/null", "--eve": "/dev/null", "--ecs": None})


@pytest.mark.parametrize(
    "command",
    [
        ["detect", "{c}", "-o", "v.csv", "--report", "{c}"],
        ["detect", "{c}", "-o", "v.csv", "--slice", "{c}"],
        ["calibrate", "{c}", "-o", "{c}"],
        ["meter", "{c}", "-o", "f.csv", "--ledger", "{c}"],
        ["label", "{c}", "--rules", "r.yaml", "-o", "{c}"],
        ["label", "{c}", "--rules", "r.json", "-o", "r.parquet"],
        ["detect", "{c}", "-o", "v.csv", "--report", "v.csv"],
        ["meter", "{c}", "-o", "f.csv", "--ledger", "f.csv"],
    ],
)
def test_no_command_writes_over_its_input_or_its_own_output(tmp_path, command):
    capture = tmp_path / "c.pcap"
    write_pcap(capture, [Record(1_700_000_000_000_000, frame("10.0.0.1", "10.0.0.2", 6, tcp(1, 2)))])
    before = capture.read_bytes()
    for name in ("r.yaml", "r.json"):
        (tmp_path / name).write_text("default: BENIGN\nrules: []\n")
    arguments = [part.format(c=capture) for part in command]
    run = iotids(*arguments, folder=tmp_path)
    assert run.returncode == 2 and "error: " in run.stderr and "Traceback" not in run.stderr
    assert "would be overwritten" in run.stderr or "both name" in run.stderr
    assert capture.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.pcap", "r.json", "r.yaml"]


def iotids(*arguments, folder):
    return subprocess.run(
        [sys.executable, "-m", "iotids", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


CAPTURE = ["detect", "calibrate", "meter", "label --rules r.yaml"]
OUTPUTS = {
    "detect c.pcap": ["-o", "--report", "--ecs", "--eve", "--incidents", "--slice"],
    "calibrate c.pcap": ["-o"],
    "meter c.pcap": ["-o", "--ledger"],
    "label c.pcap --rules r.yaml": ["-o"],
    "import t.csv --source x": ["-o"],
    "audit t.csv": ["-o"],
}
ENDINGS = {"meter": ".csv", "label": ".parquet", "import": ".parquet", "calibrate": ".json", "detect": ".csv"}
BAD = [
    *((f"{command} gone.pcap", "error: gone.pcap: no such file; give captures") for command in CAPTURE),
    *((f"{command} folder", "error: folder is a folder; name the captures in it") for command in CAPTURE),
    *(
        (f"{command} c.pcap ./c.pcap", "are one file: what is in it would count double")
        for command in CAPTURE
    ),
    *(
        (f"{command} {option} {place}/x{ENDINGS.get(command.split()[0], '')}", f"error: {option} {place}/x")
        for command, options in OUTPUTS.items()
        for option in options
        for place in ("/proc", "c.pcap")
    ),
    ("detect c.pcap --report folder", "error: --report folder is a folder; give the name of a file"),
    ("meter c.pcap --ledger folder", "error: --ledger folder is a folder; give the name of a file"),
    ("calibrate c.pcap -o folder", "error: -o folder is a folder; give the name of a file"),
    ("detect c.pcap --slice c2.pcap", "error: --slice c2.pcap is a folder"),
    ("detect c.pcap --slice t.csv", "error: --slice t.csv is a file; give a folder"),
    ("audit t.csv -o t.csv", "error: -o t.csv is a file; give a folder"),
    ("audit gone.csv", "error: gone.csv: no such file"),
    ("audit t.csv --reference gone.csv", "error: gone.csv: no such file"),
    ("import gone.csv --source x -o x.parquet", "error: gone.csv: no such file"),
    ("evaluate gone", "error: gone: not a detector package"),
    (
        "unseen x --dataset gone.parquet",
        "error: gone.parquet: no such file; it is written by an earlier stage",
    ),
    (
        "recover --dataset gone.parquet",
        "error: gone.parquet: no such file; it is written by an earlier stage",
    ),
    ("recipe gone", "error: gone/folds.json: no such file"),
    ("compare a b -o /proc/x.md", "error: -o /proc/x.md"),
    ("timeouts --out /proc/x", "error: --out /proc/x"),
    ("label c.pcap --rules gone.yaml", "error: gone.yaml: no such file; --rules wants"),
    ("detect c.pcap --operating-point gone.json", "error: gone.json: no such file; --operating-point wants"),
    ("detect c.pcap --ecs /dev/full", "error: --ecs /dev/full is a device or a pipe; give a file"),
    (
        "detect c.pcap --incidents i.txt",
        "error: --incidents i.txt: the name must end in .csv, .json or .jsonl",
    ),
    ("detect c.pcap -o v.txt", "error: -o v.txt: the name must end in .parquet, .csv or .jsonl"),
    ("meter c.pcap -o v.txt", "error: -o v.txt: the name must end in .parquet, .arrow or .csv"),
    ("meter c.pcap -o -", "error: -o -: the name must end in .parquet, .arrow or .csv"),
    ("meter c.pcap -o .", "error: -o . is a folder; give the name of a file"),
    ("detect c.pcap -o .", "error: -o . is a folder; give the name of a file"),
    ("label c.pcap --rules r.yaml -o .", "error: -o . is a folder; give the name of a file"),
    ("import t.csv --source x -o .", "error: -o . is a folder; give the name of a file"),
    ("detect slices/incident-2.pcap --slice slices", "error: --slice slices: incident-2.pcap in it is read"),
    ("meter c.pcap -o v.csv --columns context", "v.csv: the name must end in .parquet or .arrow"),
    ("label c.pcap --rules r.yaml -o v.csv", "error: -o v.csv: the name must end in .parquet"),
    ("detect c.pcap -o v.csv --report v.csv.summary.json", "both name v.csv.summary.json"),
    ("detect c.pcap -o v.csv --ecs v.incomplete.csv", "both name v.incomplete.csv"),
    ("detect c.pcap --profile foo", "choose from 'original', 'paper', 'corrected', 'clean'"),
    ("calibrate c.pcap --profile foo", "choose from 'original', 'paper', 'corrected', 'clean'"),
    ("detect c.pcap --interface lo", "error: c.pcap and --interface do not go together"),
    ("calibrate c.pcap --max-alarms-per-day x", "iotids calibrate: error: argument --max-alarms-per-day"),
    ("detect c.pcap --max-bytes x", "'x' is no number of bytes; give one such as 5e9"),
    ("meter c.pcap --max-bytes x", "'x' is no number of bytes; give one such as 5e9"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    record = Record(1_700_000_000_000_000, frame("10.0.0.1", "10.0.0.2", 6, tcp(1, 2)))
    write_pcap(folder / "c.pcap", [record])
    write_pcap(folder / "b.pcap", benign_records(flows=600, seed=5, span_us=DAY_US))
    (folder / "r.yaml").write_text("default: BENIGN\nrules: []\n")
    (folder / "t.csv").write_text("a,label\n1,BENIGN\n")
    for name in ("folder", "c2.pcap", "slices"):
        (folder / name).mkdir()
    write_pcap(folder / "slices" / "incident-2.pcap", [record])
    return folder


@pytest.mark.parametrize(("words", "wanted"), BAD, ids=[words for words, _ in BAD])
def test_every_command_refuses_a_bad_file_in_one_line_with_exit_code_2_and_writes_nothing(
    folder, words, wanted
):
    before = sorted(folder.rglob("*"))
    run = iotids(*words.split(), folder=folder)
    assert run.returncode == 2, run.stderr
    assert wanted in run.stderr
    assert "[Errno" not in run.stderr and ".part" not in run.stderr.replace(".parquet", "")
    assert run.stderr.startswith("usage:") or len(run.stderr.splitlines()) == 1, run.stderr
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("meter c.pcap -o f.csv --ledger /dev/full", "/dev/full"),
        ("calibrate b.pcap -o /dev/full", "/dev/full"),
        ("detect c.pcap -o v.csv --report /dev/full", "/dev/full: cannot be written"),
    ],
)
def test_a_disk_that_is_full_says_so_and_is_exit_code_1(folder, words, name):
    run = iotids(*words.split(), folder=folder)
    assert run.returncode == 1
    (line,) = (line for line in run.stderr.splitlines() if line.startswith("error: "))
    assert name in line and "No space left on device" in line


def test_a_model_that_nobody_knows_leaves_nothing(folder):
    before = sorted(folder.rglob("*"))
    run = iotids("detect", "c.pcap", "--model", "nowhere", folder=folder)
    assert run.returncode == 2 and "no detector in the registry" in run.stderr
    assert sorted(folder.rglob("*")) == before


def test_a_file_in_a_folder_without_the_right_to_write_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (tmp_path / "x").write_text("x")
    with pytest.raises(BadPathError, match="you may not read it"):
        check_paths({"give a file": [tmp_path / "x"]}, {})
    with pytest.raises(BadPathError, match="-o .*x: it is there and may not be written"):
        check_paths({}, {"-o": tmp_path / "x"})


def test_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(BadPathError, match="File name too long"):
        check_paths({}, {"-o": tmp_path / ("x" * 300)})


def test_outputs_in_folders_that_are_not_there_yet_are_taken_and_nothing_is_made(tmp_path):
    check_paths({}, {"-o": tmp_path / "a" / "b.csv", "--slice": tmp_path / "c" / "d"}, folders=["--slice"])
    assert not list(tmp_path.iterdir())


def test_a_file_under_a_hard_link_is_the_same_file(tmp_path):
    (tmp_path / "a.pcap").write_text("x")
    (tmp_path / "b.pcap").hardlink_to(tmp_path / "a.pcap")
    with pytest.raises(BadPathError, match=r"a\.pcap and .*b\.pcap are one file"):
        refuse_repeated([tmp_path / "a.pcap", tmp_path / "b.pcap"])


def test_no_file_at_all_has_no_ending_to_check():
    check_ending("-o", None, [".csv"])


def test_a_pipe_of_the_shell_is_written_to(folder):
    run = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m iotids meter c.pcap -o f.csv --ledger /dev/stdout | cat"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert '"packets": 1' in run.stdout, run.stderr


def test_a_name_that_leads_to_standard_output_in_a_file_is_not_replaced(tmp_path):
    with (tmp_path / "out").open("w") as file, pytest.raises(BadPathError, match="out here; give that name"):
        check_paths({}, {"--ledger": f"/dev/fd/{file.fileno()}"})


def test_a_file_that_may_be_written_needs_no_right_to_its_folder_and_a_link_only_one_to_its_own(
    tmp_path, monkeypatch
):
    closed, own = tmp_path / "closed", tmp_path / "own"
    for one in (closed, own):
        one.mkdir()
    for name in ("eve.json", "page.html"):
        (closed / name).write_text("")
    (own / "link.html").symlink_to(closed / "page.html")
    made = tempfile.TemporaryFile

    def refused(dir):  # as for one who is not root
        if Path(dir) == closed:
            raise PermissionError(13, "Permission denied")
        return made(dir=dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    check_paths({}, {"--eve": closed / "eve.json", "--report": own / "link.html"}, ordinary=["--eve"])
    with pytest.raises(BadPathError, match="Permission denied"):
        check_paths({}, {"--report": closed / "page.html"})
