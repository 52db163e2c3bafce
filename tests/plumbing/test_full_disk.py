"""A full disk leaves no half-written output: a tmpfs of a few kilobytes stands in for the disk."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from iotids.plumbing.params import compose
from iotids.writing.tables import write_table
from tests.learning.generated_flows import CLASSES, dataset_table
from tests.packets import Record, ethernet, ipv4, udp, write_pcap

ROOT = Path(__file__).resolve().parents[2]
MAY_MOUNT = (
    shutil.which("unshare") is not None
    and subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
)
pytestmark = pytest.mark.skipif(not MAY_MOUNT, reason="needs `unshare -rm` to mount a tmpfs")
WRITE = """
import sys
import numpy as np
import pyarrow as pa
from iotids.writing import tables
numbers = np.random.default_rng(0).random(100_000)
match sys.argv[1]:
    case "table": tables.write_table(pa.table({"numbers": numbers}), "disk/out")
    case "growing":
        table = pa.table({"numbers": numbers})
        with tables.growing_table("disk/out", table.schema, group_rows=1000) as out:
            out.write(table)
    case "json": tables.write_json(numbers.tolist(), "disk/out")
    case "text": tables.write_text("x" * 1_000_000, "disk/out")
"""


def on_a_small_disk(folder, command, size="200k"):
    """Run a command with `disk/` as a tmpfs; gives the process and what lies on the disk afterwards."""
    (folder / "disk").mkdir()
    script = f'mount -t tmpfs -o size={size} tmpfs disk && {{ "$@"; code=$?; find disk -mindepth 1 -printf "%P\\n" > left; exit $code; }}'
    done = subprocess.run(
        ["unshare", "-rm", "bash", "-c", script, "bash", *command],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "DVC_ROOT": "disk"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, (folder / "left").read_text().split()


@pytest.mark.parametrize("kind", ["table", "growing", "json", "text"])
def test_a_writer_on_a_full_disk_raises_and_leaves_nothing(tmp_path, kind):
    done, left = on_a_small_disk(tmp_path, [sys.executable, "-c", WRITE, kind])
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert left == []


@pytest.fixture
def dataset(tmp_path):
    """Parameters, a dataset and a capture on the large disk, for stages that write to the small one."""
    compose(["split.kinds=[stratified]"], tmp_path / "params.yaml", ROOT / "conf")
    write_table(dataset_table(counts=dict.fromkeys(CLASSES, 4000), seed=3), tmp_path / "flows.parquet")
    records = [
        Record(second * 1_000_000, ethernet(ipv4("10.0.0.1", "10.0.0.2", 17, udp(second % 60_000))))
        for second in range(20_000)
    ]
    write_pcap(tmp_path / "a.pcap", records)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["stages.split", "--dataset", "flows.parquet", "--out", "disk/splits"],
        ["stages.meter", "a.pcap", "-o", "disk/flows.parquet"],
        ["stages.meter", "a.pcap", "-o", "disk/flows.csv"],
    ],
    ids=["split", "meter", "meter to csv"],
)
def test_a_stage_on_a_full_disk_says_what_to_do_and_leaves_nothing_half_written(dataset, words):
    done, left = on_a_small_disk(dataset, [sys.executable, "-m", *words], size="20k")
    assert done.returncode == 1
    assert "No space left on device" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert set(left) <= {"splits"}
    assert all(not (dataset / "disk" / name).is_file() for name in left)


@pytest.mark.slow
def test_a_model_on_a_full_disk_leaves_no_run_folder_that_looks_complete(dataset):
    arguments = ["--dataset", "flows.parquet", "--splits", "splits"]
    subprocess.run(
        [sys.executable, "-m", "stages.split", *arguments[:2], "--out", "splits"],
        cwd=dataset,
        env={"PYTHONPATH": str(ROOT)},
        check=True,
    )
    words = [
        "stages.baseline",
        "--task",
        "multiclass",
        "--model",
        "naive_bayes",
        *arguments,
        "--out",
        "disk/run",
    ]
    done, left = on_a_small_disk(dataset, [sys.executable, "-m", *words], size="100k")
    assert done.returncode == 1
    assert "the disk is full" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert [name for name in left if name.endswith((".part", ".parquet", ".json"))] == []


@pytest.mark.slow
def test_publishing_to_a_full_disk_costs_a_warning(tmp_path):
    from tests.plumbing.run_folders import write_run_folder

    folder = write_run_folder(tmp_path)
    code = f"from pathlib import Path; from iotids.tracking.publishing import publish; publish(Path({str(folder)!r}))"
    done, _ = on_a_small_disk(tmp_path, [sys.executable, "-c", code])
    assert done.returncode == 0
    assert "not published" in done.stderr
    assert "iotids publish" in done.stderr
