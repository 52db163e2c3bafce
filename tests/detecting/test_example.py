"""The exported model runs alone: without TensorFlow and without this project."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from iotids.detecting.judging.novelty import novelty_from_plain
from iotids.detecting.judging.verdicts import Judge, OperatingPoint, package_point
from iotids.detecting.package.inference import Model
from iotids.flowmeter.flows import flows_from_capture
from tests.detecting.lab import benign_records, flood_records, scan_records
from tests.packets import write_pcap

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "onnx_detect.py"


def test_the_example_fits_on_a_screen():
    assert len(EXAMPLE.read_text().splitlines()) <= 45


def test_the_example_gives_the_classes_of_detect_without_tensorflow_or_this_project(trained, tmp_path):
    records = sorted(
        [
            *benign_records(flows=80, seed=1),
            *flood_records(flows=50, seed=2),
            *scan_records(flows=30, seed=3),
        ],
        key=lambda r: r.time_us,
    )
    flows = flows_from_capture(write_pcap(tmp_path / "c.pcap", records), "clean")
    pq.write_table(flows, tmp_path / "flows.parquet")
    code = (
        f"import sys; sys.modules['tensorflow'] = sys.modules['iotids'] = None; sys.path.insert(0, {str(EXAMPLE.parent)!r})\n"
        f"import onnx_detect; _, called, p = onnx_detect.judge({str(trained.folder / 'model.onnx')!r}, 'flows.parquet')\n"
        "print(','.join(called))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    nothing_unknown = OperatingPoint(
        package_point(trained).log_odds, novelty_from_plain(trained.reference["novelty"], threshold=1e9)
    )
    judged = Judge(trained, Model(trained), nothing_unknown).judge(flows)[0]
    assert done.stdout.strip().split(",") == judged.column("class").to_pylist()
