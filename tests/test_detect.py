"""The command detect: captures in, verdicts, summary and report out; bad input gets a clear error and keeps
what was judged.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iotids.commands import detect
from iotids.detecting.package.package import seal_package
from iotids.detecting.running.command_line import parse_arguments
from tests.detecting.lab import (
    DAY_US,
    METER,
    START_US,
    benign_records,
    flood_records,
    make_package,
    read_verdicts,
    scan_records,
)
from tests.packets import Record, ethernet, ng_block, pcap_bytes, write_pcap
from tests.plumbing.test_full_disk import MAY_MOUNT

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    return make_package(tmp_path_factory.mktemp("detect") / "lab")


@pytest.fixture(scope="session")
def captures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captures")
    return {
        "benign": write_pcap(folder / "benign.pcap", benign_records(flows=150, seed=5)),
        "attack": write_pcap(
            folder / "attack.pcap",
            flood_records(flows=300, seed=6)
            + scan_records(flows=100, seed=7, start_us=START_US + 10_000_000),
        ),
    }


@pytest.fixture
def command(monkeypatch, capsys, package, tmp_path):
    """Run the command in this process: exit code and what it said on standard error."""
    monkeypatch.chdir(tmp_path)
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    def run(*arguments, model=package.folder):
        monkeypatch.setattr(sys, "argv", ["detect", *map(str, arguments), "--model", str(model)])
        code = detect.main()
        return code, capsys.readouterr().err

    yield run
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
        signal.signal(number, handler)


def in_a_process(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "iotids", "detect", *map(str, arguments)],
        env=environment,
        stderr=subprocess.PIPE,
        **options,
    )


def on_a_small_disk(folder, command, *, size, kept):
    """Run a command with `disk/` as a tmpfs, whose files are then copied to `kept`; gives the process and
    their names.
    """
    (folder / "disk").mkdir()
    script = (
        f'mount -t tmpfs -o size={size} tmpfs disk && {{ "$@"; code=$?; cp -r disk "{kept}"; exit $code; }}'
    )
    done = subprocess.run(
        ["unshare", "-rm", "bash", "-c", script, "bash", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    return done, [path.name for path in kept.iterdir()] if kept.is_dir() else []


def wait_for(condition, seconds=90):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


# ------------------------------------------------------------------------------------------------------------
# what works


def test_two_captures_give_verdicts_a_summary_and_a_report(command, captures, tmp_path):
    code, said = command(captures["benign"], captures["attack"], "-o", "v.parquet", "--report", "page.html")
    assert code == 0
    assert "packets/s" in said
    lines = [line for line in said.splitlines() if line.startswith("incident ")]
    assert any("10.0.0.66 floods 10.0.0.200 on port 80: 300 connection attempts" in line for line in lines)
    assert any("10.0.0.77 scans 10.0.0.200 on 100 ports" in line for line in lines)
    table = read_verdicts(tmp_path / "v.parquet")
    assert table.num_rows == 150 + 300 + 100
    attacks = [row for row in table.to_pylist() if row["verdict"] == "attack"]
    assert {row["src_ip"] for row in attacks if row["capture"] == "attack.pcap"} >= {"10.0.0.66", "10.0.0.77"}
    summary = json.loads((tmp_path / "v.parquet.summary.json").read_text())
    assert summary["status"]["complete"] is True
    assert summary["flows"] == table.num_rows
    assert "10.0.0.66" in (tmp_path / "page.html").read_text()


def test_packet_numbers_of_a_verdict_are_those_of_the_capture(command, tmp_path):
    records = flood_records(flows=40, seed=8)
    write_pcap(tmp_path / "c.pcap", records)
    command("c.pcap", "-o", "v.parquet")
    for row in read_verdicts(tmp_path / "v.parquet").to_pylist():
        assert int.from_bytes(records[row["first_packet"] - 1].data[34:36], "big") == row["src_port"]


def test_the_name_of_a_folder_below_out_final_is_a_model(command, captures, package, tmp_path):
    (tmp_path / "out" / "final").mkdir(parents=True)
    (tmp_path / "out" / "final" / "mine").symlink_to(package.folder)
    assert command(captures["benign"], "-o", "v.csv", model="mine")[0] == 0


def test_verdicts_go_to_standard_output_as_json_lines(captures, package, tmp_path):
    process = in_a_process(
        captures["attack"], "-o", "-", "--model", package.folder, cwd=tmp_path, stdout=subprocess.PIPE
    )
    out, _ = process.communicate(timeout=120)
    rows = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0
    assert len(rows) == 400


def test_calibration_keeps_to_the_alarms_a_day_that_were_asked_for(command, captures, tmp_path):
    days = 3
    benign = write_pcap(tmp_path / "own.pcap", benign_records(flows=600, seed=77, span_us=days * DAY_US))
    code, said = command("--calibrate", benign, "--max-alarms-per-day", "2", "-o", "own.json")
    point = json.loads((tmp_path / "own.json").read_text())
    assert code == 0, said
    assert point["after"]["alarms_per_day"] <= 2
    assert set(point["recall"]) == {"BENIGN", "DOS", "SCANNING"}
    assert "found of the labelled out-of-fold flows" in said
    code, _ = command(captures["attack"], "-o", "v.jsonl", "--operating-point", "own.json")
    assert code == 0
    summary = json.loads((tmp_path / "v.jsonl.summary.json").read_text())
    assert summary["operating_point"]["log_odds"] == point["log_odds"]
    assert "of this network" in summary["operating_point"]["origin"]


# ------------------------------------------------------------------------------------------------------------
# live traffic


def test_verdicts_arrive_while_the_pipe_is_still_open_and_a_signal_ends_it_with_everything_written(
    package, tmp_path
):
    process = in_a_process(
        "-", "-o", "live.jsonl", "--model", package.folder, cwd=tmp_path, stdin=subprocess.PIPE
    )
    first, later = (
        benign_records(flows=20, seed=1, span_us=1_000_000),
        benign_records(flows=20, seed=2, start_us=START_US + 600_000_000, span_us=1_000_000),
    )
    whole = pcap_bytes([*first, *later])
    process.stdin.write(whole)
    process.stdin.flush()
    written = tmp_path / "live.incomplete.jsonl"
    wait_for(
        lambda: written.exists() and written.read_text().count("\n") >= 20
    )  # what was silent for ten minutes is judged
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0, process.stderr.read()
    assert (tmp_path / "live.jsonl").read_text().count("\n") == 40
    assert json.loads((tmp_path / "live.jsonl.summary.json").read_text())["status"]["complete"] is True


def test_a_live_capture_that_is_stopped_in_the_middle_of_a_packet_is_complete(package, tmp_path):
    process = in_a_process(
        "-", "-o", "live.csv", "--model", package.folder, cwd=tmp_path, stdin=subprocess.PIPE
    )
    process.stdin.write(pcap_bytes(flood_records(flows=50, seed=3))[:-10])
    process.stdin.flush()
    wait_for(lambda: (tmp_path / "live.incomplete.csv").exists())
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0, process.stderr.read()
    assert (tmp_path / "live.csv").read_text().count("\n") == 1 + 49


def test_a_followed_folder_gives_verdicts_for_every_finished_capture(package, tmp_path):
    folder = tmp_path / "ring"
    folder.mkdir()
    process = in_a_process("--follow", folder, "-o", "ring.jsonl", "--model", package.folder, cwd=tmp_path)
    for i in range(3):
        write_pcap(folder / f"c{i}.pcap", flood_records(flows=30, seed=i))
        time.sleep(0.2)
    (folder / "notes.txt").write_text("no capture")
    written = tmp_path / "ring.incomplete.jsonl"
    wait_for(lambda: written.exists() and written.read_text().count("\n") >= 90)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    captures = [json.loads(line)["capture"] for line in (tmp_path / "ring.jsonl").read_text().splitlines()]
    assert sorted(set(captures)) == ["c0.pcap", "c1.pcap", "c2.pcap"]


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="no tcpdump")
def test_tcpdump_pipes_its_packets_into_detect(package, captures, tmp_path):
    shutil.copy(captures["attack"], tmp_path / "c.pcap")
    pipe = (
        f"tcpdump -r c.pcap -U -w - | {sys.executable} -m iotids detect - -o v.jsonl --model {package.folder}"
    )
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", pipe],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert len(rows) == 400
    assert {row["src_ip"] for row in rows if row["verdict"] == "attack"} == {"10.0.0.66", "10.0.0.77"}


def test_a_second_signal_ends_it_at_once(package, tmp_path):
    fifo = tmp_path / "stuck.pcap"
    os.mkfifo(fifo)
    process = in_a_process(fifo, "-o", "v.csv", "--model", package.folder, cwd=tmp_path)
    with fifo.open("wb") as pipe:
        pipe.write(pcap_bytes(flood_records(flows=5, seed=1)))
        pipe.flush()
        wait_for(lambda: (tmp_path / "v.incomplete.csv").exists())
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert process.poll() is None  # waits for the rest of the capture
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == -signal.SIGTERM


# ---------------------------------------------------------------------------------------------------------------
# bad input


def test_a_capture_that_is_cut_off_keeps_its_verdicts_and_is_marked_incomplete(command, captures, tmp_path):
    (tmp_path / "cut.pcap").write_bytes(captures["attack"].read_bytes()[:-30])
    os.utime(tmp_path / "cut.pcap", (1, 1))
    code, said = command("cut.pcap", "-o", "v.parquet", "--report", "page.html")
    assert code == 1
    assert "cut.pcap" in said
    assert "cut off" in said
    assert not (tmp_path / "v.parquet").exists()
    assert read_verdicts(tmp_path / "v.incomplete.parquet").num_rows >= 399
    assert "incomplete" in (tmp_path / "page.html").read_text()


def test_the_captures_after_a_damaged_one_are_still_judged(command, captures, tmp_path):
    (tmp_path / "cut.pcap").write_bytes(captures["attack"].read_bytes()[:-30])
    os.utime(tmp_path / "cut.pcap", (1, 1))
    assert command("cut.pcap", captures["benign"], "-o", "v.jsonl")[0] == 1
    assert '"benign.pcap"' in (tmp_path / "v.incomplete.jsonl").read_text()


def test_a_capture_that_is_still_growing_is_said_to_grow(command, captures, tmp_path):
    (tmp_path / "growing.pcap").write_bytes(
        captures["attack"].read_bytes()[:-30]
    )  # just written, and in the middle of a packet
    code, said = command("growing.pcap", "-o", "v.jsonl")
    assert code == 1
    assert "still growing" in said
    assert (tmp_path / "v.incomplete.jsonl").read_text().count("\n") >= 399


def test_an_empty_capture_is_an_error_that_says_so(command, tmp_path):
    write_pcap(tmp_path / "empty.pcap", [])
    code, said = command("empty.pcap", "-o", "v.jsonl")
    assert code == 1
    assert "empty.pcap: the capture holds no packets" in said


def test_a_file_of_no_bytes_is_an_error_that_says_so(command, tmp_path):
    (tmp_path / "nothing.pcap").write_bytes(b"")
    code, said = command("nothing.pcap", "-o", "v.jsonl")
    assert code == 1
    assert "the file is empty" in said


def test_an_unsupported_link_type_is_an_error_that_names_it(command, tmp_path):
    write_pcap(
        tmp_path / "zigbee.pcap", [Record(START_US + i, b"\x61\x88" + bytes(40)) for i in range(5)], link=195
    )
    code, said = command("zigbee.pcap", "-o", "v.jsonl")
    assert code == 1
    assert "frames of link type 195 are not decoded" in said
    assert "none of 5 packets could be judged" in said


def test_a_profile_that_reads_ethernet_only_refuses_other_links(
    tmp_path_factory, command, captures, tmp_path
):
    package = make_package(tmp_path_factory.mktemp("paper") / "lab", meter={**METER, "profile": "corrected"})
    records = [Record(r.time_us, bytes(2) + r.data[14:]) for r in flood_records(flows=5, seed=1)]
    write_pcap(tmp_path / "ppp.pcap", records, link=9)
    code, said = command("ppp.pcap", "-o", "v.jsonl", model=package.folder)
    assert code == 1
    assert "its frames are PPP, but the model's profile corrected reads Ethernet only" in said


def test_a_file_that_is_no_capture_is_an_error(command, tmp_path):
    (tmp_path / "letter.pcap").write_text("Dear colleague,")
    code, said = command("letter.pcap", "-o", "v.jsonl")
    assert code == 1
    assert "not a capture" in said


def test_a_damaged_pcapng_block_is_an_error_with_its_place(command, tmp_path):
    (tmp_path / "bad.pcapng").write_bytes(ng_block(0x0A0D0D0A, b"\x4d\x3c\x2b\x1a" + bytes(12))[:-6])
    code, said = command("bad.pcapng", "-o", "v.jsonl")
    assert code == 1
    assert "bad.pcapng" in said


def test_a_missing_capture_is_refused_before_the_others_are_judged(command, captures, tmp_path):
    code, said = command(captures["benign"], "none.pcap", "-o", "v.jsonl")
    assert code == 2
    assert said == "error: none.pcap: no such file; give captures, or - for standard input\n"
    assert not list(tmp_path.iterdir())


def test_a_model_for_another_profile_is_refused(command, captures, tmp_path):
    code, said = command(captures["benign"], "-o", "v.jsonl", "--profile", "paper")
    assert code == 2
    assert "trained on flows of the profile 'clean', but 'paper' was asked for" in said
    assert not list(tmp_path.glob("v.*"))


def test_a_damaged_model_file_is_refused(command, captures, package, tmp_path):
    model = shutil.copytree(package.folder, tmp_path / "copy") / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    code, said = command(captures["benign"], "-o", "v.jsonl", model=model.parent)
    assert code == 2
    assert "model.onnx: damaged or foreign" in said


def test_a_folder_that_is_no_package_is_refused(command, captures, tmp_path):
    (tmp_path / "stuff").mkdir()
    code, said = command(captures["benign"], "-o", "v.jsonl", model=tmp_path / "stuff")
    assert code == 2
    assert "not a detector package" in said


@pytest.mark.slow  # a fresh MLflow store takes its time
def test_a_model_that_nobody_knows_is_refused_with_those_that_exist(command, captures, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    code, said = command(captures["benign"], "-o", "v.jsonl", model="yesterday")
    assert code == 2
    assert "no detector in the registry" in said
    assert "dvc repro final" in said


def test_an_operating_point_of_another_package_is_refused(command, captures, package, tmp_path):
    command("--calibrate", captures["benign"], "--max-alarms-per-day", "2", "-o", "own.json")
    point = json.loads((tmp_path / "own.json").read_text())
    (tmp_path / "own.json").write_text(json.dumps({**point, "package_sha256": "f" * 64}))
    code, said = command(captures["benign"], "-o", "v.jsonl", "--operating-point", "own.json")
    assert code == 2
    assert "ffffffffffff" in said


def test_calibrating_on_a_capture_with_attacks_warns_and_names_the_attacker(command, captures, tmp_path):
    mixed = write_pcap(
        tmp_path / "mixed.pcap",
        sorted(
            [*benign_records(flows=200, seed=9), *flood_records(flows=100, seed=9)], key=lambda r: r.time_us
        ),
    )
    code, said = command("--calibrate", mixed, "--max-alarms-per-day", "5", "-o", "own.json")
    assert code == 3
    assert "10.0.0.66 floods 10.0.0.200 on port 80 (DOS: 100 connection attempts" in said
    assert "captures hold attacks" in said
    assert "captures hold attacks" in " ".join(json.loads((tmp_path / "own.json").read_text())["doubts"])


def test_calibrating_on_an_hour_for_one_alarm_a_month_is_doubted(command, tmp_path):
    short = write_pcap(tmp_path / "short.pcap", benign_records(flows=100, seed=3, span_us=3_600_000_000))
    code, said = command("--calibrate", short, "--max-alarms-per-day", "0.03", "-o", "own.json")
    assert code == 3
    assert "cannot show a rate of 0.03 alarms a day" in said


def test_calibrating_on_a_damaged_capture_writes_nothing(command, captures, tmp_path):
    (tmp_path / "cut.pcap").write_bytes(captures["benign"].read_bytes()[:-7])
    code, said = command("--calibrate", "cut.pcap", "--max-alarms-per-day", "1", "-o", "own.json")
    assert code == 2
    assert "wants captures that are whole" in said
    assert not (tmp_path / "own.json").exists()


@pytest.mark.skipif(
    os.geteuid() == 0 and not Path("/proc/self").exists(), reason="needs a place that cannot be written to"
)
def test_no_permission_to_write_is_an_error(command, captures, tmp_path):
    code, said = command(captures["benign"], "-o", "/proc/self/verdicts.jsonl")
    assert code == 2
    assert "error:" in said


@pytest.mark.parametrize(
    "arguments",
    [["--report", "/proc/self/page.html"], ["--calibrate", "--max-alarms-per-day", "1"]],
    ids=["report", "point"],
)
def test_a_place_that_cannot_be_written_is_found_out_before_any_work(command, captures, tmp_path, arguments):
    out = "/proc/self/own.json" if "--calibrate" in arguments else "v.jsonl"
    code, said = command(captures["benign"], "-o", out, *arguments)
    assert code == 2
    assert "/proc/self" in said
    assert not list(tmp_path.glob("v.*"))


@pytest.mark.skipif(not MAY_MOUNT, reason="needs `unshare -rm` to mount a tmpfs")
@pytest.mark.parametrize(("ending", "size"), [("parquet", "420k"), ("csv", "500k"), ("jsonl", "1300k")])
def test_a_full_disk_keeps_the_verdicts_that_fitted_whole_and_marked_incomplete(
    package, tmp_path, ending, size
):
    names = [f"c{i}.pcap" for i in range(8)]
    for i, name in enumerate(names):
        write_pcap(tmp_path / name, flood_records(flows=400, seed=i))
    words = ["iotids.commands.detect", *names, "-o", f"disk/v.{ending}", "--model", str(package.folder)]
    code = f"""import sys, runpy, iotids.detecting.running.verdict_files
iotids.detecting.running.verdict_files.ROWS_PER_GROUP = 400
sys.argv = {words!r}
runpy.run_module("iotids.commands.detect", run_name="__main__")"""
    done, left = on_a_small_disk(tmp_path, [sys.executable, "-c", code], size=size, kept=tmp_path / "kept")
    assert done.returncode == 1, done.stderr
    assert f"v.incomplete.{ending}: cannot be written (No space left on device)" in done.stderr
    assert "INCOMPLETE" in done.stderr
    assert f"v.{ending}" not in left
    file = tmp_path / "kept" / f"v.incomplete.{ending}"
    rows = (
        read_verdicts(file).num_rows
        if ending == "parquet"
        else file.read_text().count("\n") - (ending == "csv")
    )
    assert 400 <= rows < 3200
    assert ending == "parquet" or file.read_bytes().endswith(b"\n")


def test_a_reader_of_standard_output_that_goes_away_ends_it_with_an_error(package, captures, tmp_path):
    process = in_a_process(
        captures["attack"],
        captures["benign"],
        "-o",
        "-",
        "--model",
        package.folder,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
    )
    process.stdout.close()
    said = process.stderr.read().decode()
    assert process.wait(timeout=60) == 1
    assert "standard output: cannot be written (Broken pipe)" in said
    assert "Traceback" not in said


def test_a_model_with_another_feature_list_is_refused(command, captures, package, tmp_path):
    copy = shutil.copytree(package.folder, tmp_path / "copy")
    manifest = json.loads((copy / "package.json").read_text())
    kept = {k: v for k, v in manifest.items() if k not in ("format", "files", "manifest_sha256")}
    seal_package(copy, {**kept, "features": list(reversed(manifest["features"]))})
    code, said = command(captures["benign"], "-o", "v.jsonl", model=copy)
    assert code == 2
    assert "the features in the model file are not those of package.json" in said


def test_a_pickle_is_no_model(command, captures, tmp_path):
    (tmp_path / "model.pkl").write_bytes(b"cos\nsystem\n(S'touch opened'\ntR.")
    code, said = command(captures["benign"], "-o", "v.jsonl", model=tmp_path / "model.pkl")
    assert code == 2
    assert "not a detector package" in said
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give captures"),
        (["a.pcap", "--follow", "x"], "give captures"),
        (["-", "a.pcap"], "standard input goes alone"),
        (["--calibrate", "a.pcap", "--max-alarms-per-day", "-1"], "--max-alarms-per-day"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(monkeypatch, capsys, arguments, said):
    monkeypatch.setattr(sys, "argv", ["detect", *arguments])
    with pytest.raises(SystemExit) as stopped:
        parse_arguments(None)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_a_signal_while_reading_a_file_leaves_the_verdicts_marked_incomplete(package, tmp_path):
    content = pcap_bytes(flood_records(flows=20_000, seed=1))
    fifo = tmp_path / "slow.pcap"
    os.mkfifo(fifo)
    process = in_a_process(fifo, "-o", "v.csv", "--model", package.folder, cwd=tmp_path)
    with contextlib.suppress(BrokenPipeError), fifo.open("wb") as pipe:
        pipe.write(content[: len(content) // 2])
        pipe.flush()
        time.sleep(1.0)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        pipe.write(content[len(content) // 2 :])
    assert process.wait(timeout=60) == 128 + signal.SIGTERM, process.stderr.read()
    assert (tmp_path / "v.incomplete.csv").exists()
    assert not (tmp_path / "v.csv").exists()


def test_frames_that_hold_no_ip_are_counted_as_not_judged(command, tmp_path):
    records = [
        *flood_records(flows=10, seed=1),
        *(Record(START_US + 10**9 + i, ethernet(bytes(46), kind=0x88CC)) for i in range(7)),
    ]
    write_pcap(tmp_path / "c.pcap", records)
    assert command("c.pcap", "-o", "v.jsonl", "--report", "page.html")[0] == 0
    assert json.loads((tmp_path / "v.jsonl.summary.json").read_text())["captures"][0]["set_aside"] == {
        "not_ip": 7
    }
    assert "not ip" in (tmp_path / "page.html").read_text()


def test_a_capture_of_which_nothing_can_be_judged_is_an_error(command, tmp_path):
    frames = [Record(START_US + i, ethernet(bytes(46), kind=0x88CC)) for i in range(7)]
    write_pcap(tmp_path / "c.pcap", frames)
    code, said = command("c.pcap", "-o", "v.jsonl", "--report", "page.html")
    assert code == 1
    assert "error: c.pcap: not judged: 7 of 7 packets (100.0 %): 7 not ip" in said
    assert not (tmp_path / "v.jsonl").exists() and (tmp_path / "v.incomplete.jsonl").exists()
