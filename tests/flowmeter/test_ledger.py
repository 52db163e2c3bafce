"""The packet ledger holds on every real capture at hand, and the kernels stay within bounds on them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from iotids.flowmeter.flows import Meter
from iotids.flowmeter.reading import is_capture_name

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
CAPTURES = SHARED / "captures"
FILES = (
    sorted(p for p in CAPTURES.rglob("*") if p.is_file() and is_capture_name(p.name))
    if CAPTURES.is_dir()
    else []
)
needs_captures = pytest.mark.skipif(not FILES, reason=f"no captures at {CAPTURES}")


@pytest.mark.slow
@needs_captures
@pytest.mark.parametrize("profile", ["original", "paper", "corrected", "clean"])
def test_every_packet_of_all_real_captures_is_accounted_for(profile: str) -> None:
    for path in FILES:
        meter = Meter(path, profile, keep_going=True)
        packets = 0
        for batch in meter.batches():
            packets += sum(np.sum(batch.column(name).to_numpy()) for name in ("fwd_packets", "bwd_packets"))
            for column in batch.columns if profile in ("corrected", "clean") else ():
                if pa.types.is_floating(column.type):
                    assert np.isfinite(column.to_numpy()).all(), path
        ledger = meter.ledger  # closing it checks the sums; here they are checked from outside again
        assert (
            packets + ledger.packets_in_flows_not_written + sum(ledger.set_aside.values()) == ledger.packets
        ), path


@pytest.mark.slow
@pytest.mark.parametrize("switch", ["NUMBA_BOUNDSCHECK", "NUMBA_DISABLE_JIT"])
def test_kernels_stay_within_bounds(switch: str, tmp_path: Path) -> None:
    """Compiled with bounds checks, and interpreted: NumPy then checks every index."""
    environment = {
        **os.environ,
        switch: "1",
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONWARNINGS": "ignore::RuntimeWarning",
    }
    rooms = ("capture", "reading", "encapsulations", "features")
    tests = [f"tests/flowmeter/test_{room}.py" for room in rooms]
    if switch == "NUMBA_BOUNDSCHECK":
        tests.append("tests/flowmeter/test_twin.py")
    chosen = "not tool and not bomb and not 20_000 and not silent and not block_size and not thousandfold"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-m",
        "not slow",
        "-p",
        "no:cacheprovider",
        "-k",
        chosen,
        *tests,
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
