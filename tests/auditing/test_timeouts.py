"""Metering again with other flow timeouts: the command end to end on captures whose flows can be counted by
hand, and its table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from iotids.auditing.timeout_table import Metered, timeout_table
from tests.packets import Record, ethernet, ipv4, udp, write_pcap

PACKETS_PER_CONNECTION = 31  # one a second
CONNECTIONS_PER_CAPTURE = 2


def workspace(folder: Path) -> Path:
    """A project folder with the stages, and with two sources of rules: three quiet captures and three with an
    attack to port 9.
    """
    for name in ("stages", "iotids"):
        (folder / name).symlink_to(Path(name).absolute())
    for number in range(6):
        server_port = 53 if number < 3 else 9
        frames = [
            Record(
                second * 1_000_000 + host,
                ethernet(
                    ipv4(
                        f"10.0.{number}.{host}", "10.0.0.9", 17, udp(1000 + host, server_port, b"x" * second)
                    )
                ),
            )
            for second in range(PACKETS_PER_CONNECTION)
            for host in range(1, CONNECTIONS_PER_CAPTURE + 1)
        ]
        (folder / "captures").mkdir(exist_ok=True)
        write_pcap(folder / "captures" / f"{number}.pcap", frames)
    (folder / "captures/rules.yaml").write_text(
        "default: BENIGN\nrules: [{label: DOS, port: 9}]\n", encoding="utf-8"
    )
    params = {
        name: yaml.safe_load(Path(f"conf/{name}/default.yaml").read_text(encoding="utf-8"))
        for name in ("meter", "label", "integrate", "split")
    }
    params["data"] = {
        "name": "t",
        "root": "captures",
        "classes": ["BENIGN", "DOS"],
        "benign": "BENIGN",
        "sources": {"lab": {"kind": "rules", "rules": "rules.yaml"}},
    }
    params["meter"]["profile"], params["split"]["folds"], params["split"]["kinds"] = (
        "clean",
        3,
        ["stratified", "grouped"],
    )
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return folder


def run(folder: Path, *seconds: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": ""}
    command = [sys.executable, "-m", "iotids", "timeouts", "--seconds", *seconds]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_shorter_timeout_cuts_connections_into_as_many_flows_as_counted_by_hand(tmp_path: Path) -> None:
    done = run(workspace(tmp_path), "120", "9.5")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out/timeouts/timeouts.json").read_text(encoding="utf-8"))
    # 31 packets one second apart: 0 to 9, 10 to 19, 20 to 29 and 30 alone when a flow ends 9.5 s after its
    # start
    assert [row["flows"] for row in found] == [
        {"BENIGN": 3 * 2, "DOS": 3 * 2},
        {"BENIGN": 3 * 2 * 4, "DOS": 3 * 2 * 4},
    ]
    assert set(found[0]["scores"]) == {
        "binary, stratified",
        "binary, grouped",
        "multiclass, stratified",
        "multiclass, grouped",
    }
    assert (tmp_path / "out/timeouts/timeouts.md").read_text(encoding="utf-8") == done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "captures",
        "iotids",
        "out",
        "params.yaml",
        "stages",
    ]


def test_timeout_that_cannot_be_is_one_line_that_names_the_stage(tmp_path: Path) -> None:
    done = run(workspace(tmp_path), "-1")
    assert done.returncode == 1
    assert done.stderr.startswith("error: stages.meter --source lab")
    assert "Traceback" not in done.stderr


def test_table_shows_shares_of_the_flows_and_scores_with_their_spread() -> None:
    scores = {"binary, grouped": {"accuracy": (0.5, 0.01), "f1_macro": (0.25, 0.02)}}
    text = timeout_table(
        [Metered(15.0, {"BENIGN": 3, "DOS": 1}, scores), Metered(0.1, {"DOS": 1200}, scores)],
        ["BENIGN", "DOS"],
    )
    assert "| 15 | 4 | 3 (75.0 %) | 1 (25.0 %) |" in text
    assert "| 0.1 | 1,200 | 0 (0.0 %) | 1,200 (100.0 %) |" in text
    assert "| 15 | 0.5000 ± 0.0100 / 0.2500 ± 0.0200 |" in text


@pytest.mark.parametrize("word", ["tensorflow", "mlflow"])
def test_command_loads_neither_networks_nor_tracking(word: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, iotids.commands.timeouts; assert {word!r} not in sys.modules"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
