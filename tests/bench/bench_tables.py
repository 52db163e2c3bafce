"""Stages label and integrate on tables of many millions of flows: flows per second and peak memory of each.

    python -m tests.bench.bench_tables out/flows/D2.parquet --millions 20 40

Flows are drawn from the given table with replacement; each hundred thousand rows are another capture, with later times and
a class of its own in a label table. Integrate keeps 5 % of the flows. Needs 2 GB of disk for each ten million flows.
"""

from __future__ import annotations

import argparse
import os
import platform
import struct
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from iotids.flowmeter.columns.schema import CORRECTED_EXTRAS, FEATURES, IDENTITY, arrow_schema
from tests.bench.bench_integrate import measure

CAPTURE_ROWS, POOL_ROWS = 100_000, 50_000
CLASSES = ("BENIGN", "DOS", "MIRAI", "MITM", "SCANNING")
PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)


def write_flows(pool: pa.Table, folder: Path, n_rows: int) -> None:
    """Write the flow table, its captures (without packets: nobody reads them) and their label table."""
    names = [f"c{number:04}.pcap" for number in range(-(-n_rows // CAPTURE_ROWS))]
    rows = [f"{name},site,g{i % 10},{CLASSES[i % len(CLASSES)]},," for i, name in enumerate(names)]
    table = "\n".join(["file,environment,group,class,activity,rule", *rows])
    (folder / "captures").mkdir(exist_ok=True)
    (folder / "captures" / "labels.csv").write_text(table, encoding="utf-8")
    generator = np.random.default_rng(7)
    with pq.ParquetWriter(folder / "flows.parquet", pool.schema, compression="zstd") as out:
        for number, name in enumerate(names):
            (folder / "captures" / name).write_bytes(PCAP_HEADER)
            size = min(CAPTURE_ROWS, n_rows - number * CAPTURE_ROWS)
            for begin in range(0, size, POOL_ROWS):
                out.write_table(_batch(pool, generator, name, range(begin, min(begin + POOL_ROWS, size))))


def _batch(pool: pa.Table, generator: np.random.Generator, capture: str, numbers: range) -> pa.Table:
    """Some flows of a capture."""
    table = pool.take(generator.integers(0, pool.num_rows, len(numbers)))
    replaced = {
        "capture": pa.array([capture]).take(pa.array(np.zeros(len(numbers), np.int8))),
        "flow_number": pa.array(np.arange(numbers.start, numbers.stop)),
        "flow_iat_mean_us": pa.array(table["flow_iat_mean_us"].to_numpy() + generator.random(len(numbers))),
    }
    for name, values in replaced.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(
            place, table.schema.field(place), values.cast(table.schema.field(place).type)
        )
    return table


def write_params(folder: Path) -> None:
    """Parameters of the two stages."""
    source = {"kind": "label_table", "folder": ".", "table": "labels.csv"}
    params = {
        "data": {
            "name": "bench",
            "root": "captures",
            "classes": list(CLASSES),
            "benign": "BENIGN",
            "sources": {"big": source},
        },
        "meter": yaml.safe_load(Path("conf/meter/default.yaml").read_text(encoding="utf-8")),
        "label": yaml.safe_load(Path("conf/label/default.yaml").read_text(encoding="utf-8")),
        "integrate": {"features": ["flow"], "keep": {"site": 0.05}, "seed": 7},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def run_stages(pool: pa.Table, folder: Path, n_rows: int) -> None:
    """Measure both stages on so many flows and print a line for each."""
    write_params(folder)
    write_flows(pool, folder, n_rows)
    out = "labelled/big.parquet"
    label = [
        "stages.label",
        "--source",
        "big",
        "--flows",
        "flows.parquet",
        "--out",
        out,
        "--summary",
        "labelled/big.json",
    ]
    integrate = ["stages.integrate", "--labelled", "labelled", "--out", "dataset"]
    for arguments in (label, integrate):
        seconds, processor_s, gigabytes = measure(arguments, folder)
        print(
            f"{n_rows / 1e6:5.1f} M flows, {arguments[0]:17} {n_rows / seconds:>10,.0f} flows/s  {seconds:6.1f} s"
            f"  {processor_s:6.1f} processor s  {gigabytes:.2f} GB",
            flush=True,
        )


def main() -> None:
    """Measure each size in a folder of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("flows", type=Path, help="a flow table of any capture, profile corrected or clean")
    parser.add_argument("--millions", type=float, nargs="+", default=[20.0, 40.0])
    parser.add_argument(
        "--folder", type=Path, help="where the tables are written (default: a temporary folder)"
    )
    args = parser.parse_args()
    wanted = arrow_schema((*IDENTITY, *FEATURES, *CORRECTED_EXTRAS)).names
    names = [name for name in wanted if name in pq.read_schema(args.flows).names]
    pool = pq.read_table(args.flows, columns=names).slice(0, POOL_ROWS)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {len(names)} columns"
    )
    for millions in args.millions:
        with tempfile.TemporaryDirectory(dir=args.folder) as name:
            run_stages(pool, Path(name), round(millions * 1e6))


if __name__ == "__main__":
    main()
