"""Integrate and audit 1.8 million labelled flows: seconds and peak memory of each.

    python tests/bench/bench_integrate.py out/labelled/D1.parquet out/labelled/D2.parquet …

The flows are drawn with replacement from the given labelled tables and written as four sources of the sizes
of the paper's Table II; one continuous feature is shifted a little per row, so that the copies of a flow are
not all one vector. Limits: 90 s and 4 GB on 2 cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

SIZES = {"D1": 26_246, "D2": 794_767, "D3": 437_322, "D4": 546_720}
FOLDS = 5


def write_sources(paths: list[str], folder: Path) -> list[str]:
    """Write the four resampled sources; give the classes."""
    pool = pa.concat_tables([pq.read_table(path) for path in paths])
    generator = np.random.default_rng(7)
    for source, n_rows in SIZES.items():
        table = pool.take(generator.integers(0, pool.num_rows, n_rows))
        shifted = table.column("flow_iat_mean_us").to_numpy() + generator.integers(0, 5, n_rows)
        columns = {"flow_iat_mean_us": pa.array(shifted), "source": pa.array([source] * n_rows)}
        for name, values in columns.items():
            place = table.column_names.index(name)
            table = table.set_column(place, table.schema.field(place), values)
        pq.write_table(table, folder / "labelled" / f"{source}.parquet", compression="zstd")
    return sorted(set(pool.column("label").to_pylist()))


def write_split(folder: Path, n_rows: int) -> None:
    """Write one random five-fold split."""
    test_fold = np.random.default_rng(7).integers(0, FOLDS, n_rows).astype(np.int16)
    train_folds = np.uint64(2**FOLDS - 1) & ~(np.uint64(1) << test_fold.astype(np.uint64))
    table = pa.table({"row": np.arange(n_rows), "test_fold": test_fold, "train_folds": train_folds})
    pq.write_table(table, folder / "splits" / "stratified.parquet")


def measure(arguments: list[str], folder: Path) -> tuple[float, float, float]:
    """Run a stage; give its seconds, its processor seconds and its peak memory in GB."""
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    process = subprocess.Popen([sys.executable, "-m", *arguments], cwd=folder, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(arguments)} failed")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6


def main() -> None:
    """Make the tables, run both stages, print the figures."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    paths = [str(Path(path).absolute()) for path in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("labelled", "splits"):
            (folder / part).mkdir()
        classes = write_sources(paths, folder)
        data = {
            "name": "bench",
            "root": ".",
            "classes": classes,
            "benign": "BENIGN",
            "sources": {source: {} for source in SIZES},
        }
        audit = yaml.safe_load(Path("conf/audit/default.yaml").read_text(encoding="utf-8"))
        params = {"data": data, "integrate": {"features": ["flow"], "keep": {}, "seed": 7}, "audit": audit}
        (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        flows = "dataset/flows.parquet"
        stages = {
            "integrate": ["stages.integrate", "--labelled", "labelled", "--out", "dataset"],
            "audit": ["stages.audit", "--dataset", flows, "--splits", "splits", "--out", "audit"],
        }
        figures = {"integrate": measure(stages["integrate"], folder)}
        shape = pq.ParquetFile(folder / flows).metadata
        write_split(folder, shape.num_rows)
        figures["audit"] = measure(stages["audit"], folder)
        print(
            f"{shape.num_rows:,} flows x {shape.num_columns} columns, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        )
        figures["both"] = (
            sum(f[0] for f in figures.values()),
            sum(f[1] for f in figures.values()),
            max(f[2] for f in figures.values()),
        )
        for stage, (seconds, processor_s, gigabytes) in figures.items():
            print(f"{stage:10} {seconds:6.1f} s  {processor_s:6.1f} processor s  {gigabytes:.2f} GB")


if __name__ == "__main__":
    main()
