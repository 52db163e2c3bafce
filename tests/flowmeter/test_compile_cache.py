"""Machine code kept from an earlier run is used again, but not after a change in any file of kernels."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOM = Path(__file__).parents[2] / "iotids" / "flowmeter"
# rehash_segments (segments.py) calls bucket_of (segments.py), which calls mix (hashing.py)
RUN = """
import numpy as np
from iotids.flowmeter.kernels.bundles import Segments
from iotids.flowmeter.kernels.layout import N_COUNTERS, SEGMENT
from iotids.flowmeter.kernels.segments import rehash_segments
buckets, pool = np.full(1024, -1, np.int32), np.zeros(1, SEGMENT)
pool["seq_ack"] = 12345
segments = Segments(buckets, pool, np.zeros(1, np.int32), np.arange(12) + 1, np.zeros(N_COUNTERS, np.int64))
rehash_segments(segments, np.ones(1, np.bool_))
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


def copied(folder: Path) -> Path:
    """The kernels and the schema in a folder of their own."""
    room = folder / "iotids" / "flowmeter"
    shutil.copytree(ROOM / "kernels", room / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOM / "schema.py", room / "schema.py")
    return room


def test_a_change_in_a_called_kernel_s_file_discards_the_machine_code_of_its_callers(tmp_path: Path) -> None:
    room = copied(tmp_path)
    bucket, hits = run(tmp_path)
    assert hits == 0
    assert run(tmp_path) == (bucket, 1)
    path = room / "kernels" / "hashing.py"
    text = path.read_text(encoding="utf-8")
    assert "x >> 29" in text
    path.write_text(text.replace("x >> 29", "x >> 30"), encoding="utf-8")
    other, hits = run(tmp_path)
    assert hits == 0
    assert other != bucket


def test_a_change_in_the_schema_discards_it_too(tmp_path: Path) -> None:
    room = copied(tmp_path)
    bucket, _ = run(tmp_path)
    schema = room / "schema.py"
    schema.write_text(schema.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert run(tmp_path) == (bucket, 0)
