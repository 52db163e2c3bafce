"""Machine code kept from an earlier run is used again, but not after a change in any file of kernels."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

KERNELS = Path(__file__).parents[2] / "iotids" / "flowmeter" / "kernels"
# rehash_segments (segments.py) calls bucket_of (segments.py), which calls mix (finding.py)
RUN = """
import numpy as np
from iotids.flowmeter.kernels.layout import SEGMENT
from iotids.flowmeter.kernels.segments import rehash_segments
buckets, segments = np.full(1024, -1, np.int32), np.zeros(1, SEGMENT)
segments["seq_ack"] = 12345
rehash_segments(buckets, segments, np.ones(1, np.bool_))
print(buckets.argmax(), sum(rehash_segments.stats.cache_hits.values()))
"""


def run(folder: Path) -> tuple[int, int]:
    """Bucket of a segment, and how many kernels came from the cache."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    bucket, hits = done.stdout.split()
    return int(bucket), int(hits)


def test_a_change_in_a_called_kernel_s_file_discards_the_machine_code_of_its_callers(tmp_path: Path) -> None:
    copy = tmp_path / "iotids" / "flowmeter" / "kernels"
    shutil.copytree(KERNELS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    bucket, hits = run(tmp_path)
    assert hits == 0
    assert run(tmp_path) == (bucket, 1)
    path = copy / "hashing.py"
    text = path.read_text(encoding="utf-8")
    assert "x >> 29" in text
    path.write_text(text.replace("x >> 29", "x >> 30"), encoding="utf-8")
    other, hits = run(tmp_path)
    assert hits == 0
    assert other != bucket
