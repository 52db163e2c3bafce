"""On a disk that fills at any byte a table is an error that can be caught: nothing else is printed, nothing stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WRITERS = {
    "write_table": "write_table(table, 'a.parquet')",
    "growing_table": "with growing_table('a.parquet', table.schema, group_rows=100) as out: out.write(table)",
    "sink": "with replacing('a.parquet') as path, sink_for(path, PROFILES['clean'], suffix='.parquet') as sink:\n"
    "            sink.write(flows); sink.close()",
}
PROGRAM = """
import gc, os, resource, signal
import numpy as np, pyarrow as pa
from iotids.flowmeter.flows import flows_from_capture
from iotids.flowmeter.output.flow_files import sink_for
from iotids.flowmeter.profiles import PROFILES
from iotids.writing.tables import growing_table, replacing, write_table

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that may not grow fails as one on a full disk does
table = pa.table({f"c{i}": np.random.default_rng(i).random(1000) for i in range(3)})
flows = flows_from_capture("a.pcap").combine_chunks().to_batches()[0]
WRITE_
whole = os.path.getsize("a.parquet")
os.remove("a.parquet")
for size in (4, 10, 100, 1000, 5000, 20000, whole - 600, whole - 1):  # the last two end within the footer
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        WRITE
    except OSError as error:
        print(error.errno)
    gc.collect()
    assert os.listdir() == ["a.pcap"], os.listdir()
"""


def program(write: str) -> str:
    """The program for one writer."""
    return PROGRAM.replace("WRITE_", write.replace("\n        ", "\n")).replace("WRITE", write)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_table_that_does_not_fit_is_an_error_and_nothing_else(tmp_path: Path, writer: str) -> None:
    from tests.detecting.lab import benign_records
    from tests.packets import write_pcap

    write_pcap(tmp_path / "a.pcap", benign_records(flows=200, seed=1))
    done = subprocess.run(
        [sys.executable, "-c", program(WRITERS[writer])],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["27"] * 8
