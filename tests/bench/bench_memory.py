"""Peak memory and flows per second of the stages label and integrate at two sizes, the second twice the first.

    python -m tests.bench.bench_memory out/flows/D3.parquet data/sample/D3/List_Of_Devices.txt --flows 2000000

The flows of the given table are repeated to captures of 100,000 flows each, labelled by a list of devices, and a
sample of 5 % of every class is integrated. Prints ratios first: they hold on other machines, seconds do not.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

CAPTURE_FLOWS = 100_000
SHARE = 0.05


def write_flows(pool: pa.Table, path: Path, n_flows: int) -> None:
    """Repeat flows to a table of `n_flows`, in captures of CAPTURE_FLOWS, with row groups as the meter writes them."""
    generator = np.random.default_rng(7)
    place = pool.schema.get_field_index("capture")
    with pq.ParquetWriter(path, pool.schema, compression="zstd") as writer:
        for capture, begin in enumerate(range(0, n_flows, CAPTURE_FLOWS)):
            n_rows = min(CAPTURE_FLOWS, n_flows - begin)
            flows = pool.take(generator.integers(0, pool.num_rows, n_rows))
            names = pa.array([f"{capture}.pcap"]).take(pa.array(np.zeros(n_rows, np.int64)))
            flows = flows.set_column(
                place, pool.schema.field("capture"), names.cast(pool.schema.field("capture").type)
            )
            writer.write_table(flows, row_group_size=16_384)


def measure(arguments: list[str], folder: Path) -> tuple[float, float]:
    """Run a stage; its seconds and its peak memory in MB."""
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    process = subprocess.Popen([sys.executable, "-m", *arguments], cwd=folder, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(arguments)} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1e3


def run_stages(pool: pa.Table, devices: Path, n_flows: int) -> dict[str, tuple[float, float]]:
    """Seconds and peak memory of both stages on a table of `n_flows`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(devices, folder / "devices.txt")
        data = {
            "name": "bench",
            "root": ".",
            "classes": ["BENIGN"],
            "benign": "BENIGN",
            "sources": {"D3": {"kind": "mac_list", "folder": ".", "devices": "devices.txt"}},
        }
        params = {
            "data": data,
            "meter": yaml.safe_load(Path("conf/meter/default.yaml").read_text(encoding="utf-8")),
            "label": {"unlabelled": "apart", "missing_captures": "warn"},
            "integrate": {"features": ["flow"], "keep": {"D3": SHARE}, "seed": 7},
        }
        (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        write_flows(pool, folder / "flows.parquet", n_flows)
        label = "stages.label --source D3 --flows flows.parquet --out labelled/D3.parquet --summary labelled/D3.json"
        return {
            "label": measure(label.split(), folder),
            "integrate": measure(["stages.integrate", "--labelled", "labelled", "--out", "dataset"], folder),
        }


def main() -> None:
    """Run both sizes and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("devices", type=Path)
    parser.add_argument("--flows", type=int, default=2_000_000)
    arguments = parser.parse_args()
    pool = pq.read_table(arguments.table)
    sizes = (arguments.flows, 2 * arguments.flows)
    found = [run_stages(pool, arguments.devices, n_flows) for n_flows in sizes]
    print(f"{sizes[0]:,} and {sizes[1]:,} flows x {pool.num_columns} columns, a sample of {SHARE:.0%}")
    for stage in found[0]:
        (small_s, small_mb), (large_s, large_mb) = (one[stage] for one in found)
        print(
            f"{stage:10} memory x {large_mb / small_mb:.2f}  seconds x {large_s / small_s:.2f}   "
            f"{large_mb:,.0f} MB, {sizes[1] / large_s:,.0f} flows/s on {os.cpu_count()} cores at load {os.getloadavg()[0]:.0f}"
        )


if __name__ == "__main__":
    main()
