"""A timeout that is none is refused in one line, before anything is written."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from iotids.flowmeter.profiles import PROFILES, rules_of
from tests.packets import Record, ethernet, ipv4, udp, write_pcap

NONE = [math.inf, -math.inf, math.nan, 1e30, 1e13, 1.1e9, -1, 1e-9]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seconds", NONE)
@pytest.mark.parametrize("option", ["flow_timeout_s", "activity_timeout_s", "idle_timeout_s"])
def test_numbers_that_are_no_timeouts_are_refused(option: str, seconds: float, profile: str) -> None:
    with pytest.raises(ValueError, match=option.removesuffix("_timeout_s") + " timeout") as caught:
        rules_of(PROFILES[profile], **{option: seconds})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_only_the_idle_timeout_can_be_switched_off() -> None:
    assert rules_of(PROFILES["clean"], idle_timeout_s=0).idle_us == 0
    for option in ("flow_timeout_s", "activity_timeout_s"):
        with pytest.raises(ValueError, match="give a number of seconds"):
            rules_of(PROFILES["clean"], **{option: 0})  # type: ignore[arg-type]


def test_the_longest_and_the_shortest_timeout_are_taken() -> None:
    rules = rules_of(PROFILES["clean"], flow_timeout_s=1e9, activity_timeout_s=1e-6, idle_timeout_s=0.5)
    assert (rules.flow_us, rules.activity_us, rules.idle_us) == (10**15, 1, 500_000)


@pytest.mark.parametrize("seconds", ["inf", "1e30", "1e13", "nan", "-1", "0", "x", ""])
@pytest.mark.parametrize("option", ["--flow-timeout", "--activity-timeout"])
def test_the_command_says_what_is_wrong_and_writes_nothing(tmp_path: Path, option: str, seconds: str) -> None:
    capture = write_pcap(
        tmp_path / "c.pcap", [Record(10**15, ethernet(ipv4("10.0.0.1", "10.0.0.2", 17, udp())))]
    )
    out = tmp_path / "flows.parquet"
    command = [sys.executable, "-m", "stages.meter", str(capture), f"{option}={seconds}", "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert option.removeprefix("--").replace("-", " ") in done.stderr.replace("-", " ")
    assert [path.name for path in tmp_path.iterdir()] == ["c.pcap"]
