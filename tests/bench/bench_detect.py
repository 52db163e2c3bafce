"""How fast detect is: inference on one core, end to end beside the flow meter, and from the start to the
first verdict.

python -m tests.bench.bench_detect [PACKAGE]      (default: out/final/multiclass-dl_sensible)
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import pyarrow as pa  # noqa: E402

from iotids.detecting.judging.verdicts import Judge, matrix_of, package_point  # noqa: E402
from iotids.detecting.package.inference import Model  # noqa: E402
from iotids.detecting.package.package import Package, open_package  # noqa: E402
from iotids.detecting.running.session import ROWS_PER_BLOCK, Session  # noqa: E402
from iotids.detecting.running.verdict_files import VerdictFile  # noqa: E402
from iotids.flowmeter.flows import Meter  # noqa: E402
from iotids.flowmeter.output.flow_files import sink_for  # noqa: E402
from tests.bench.capture import write_capture  # noqa: E402

ROUNDS = 3


def best_s(work: Callable[[], object]) -> float:
    """Least processor seconds of a few rounds; on a loaded machine the clock on the wall says little."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def meter_of(path: Path, package: Package) -> Meter:
    """The flow meter in one thread."""
    return Meter(str(path), keep_going=True, with_digest=False, threads=1, **package.meter_settings)


def bench(package: Package, folder: Path) -> list[tuple[str, float, str]]:
    """Rows of (what, figure, unit)."""
    capture = folder / "bench.pcap"
    packets = write_capture(capture)
    judge = Judge(package, Model(package), package_point(package))
    flows = pa.Table.from_batches(list(meter_of(capture, package).batches())).combine_chunks()
    parts = [flows.slice(start, ROWS_PER_BLOCK) for start in range(0, flows.num_rows, ROWS_PER_BLOCK)]

    def detect() -> None:
        file = VerdictFile(str(folder / "verdicts.parquet"), judge.schema)
        Session(judge, file).take(meter_of(capture, package))
        file.close(complete=True)

    def meter_to_parquet() -> None:
        meter = meter_of(capture, package)
        columns = package.meter_settings.get("columns", ())
        with sink_for(folder / "flows.parquet", meter.profile, columns=columns) as sink:
            for batch in meter.batches():
                sink.write(batch)
            sink.close()

    inference_s = best_s(lambda: [judge.decide(matrix_of(part, package.features)) for part in parts])
    meter_s = best_s(lambda: [None for _ in meter_of(capture, package).batches()])
    own_s = best_s(meter_to_parquet)
    detect_s = best_s(detect)
    alarms = sum(int((judge.decide(matrix_of(part, package.features)).code == 1).sum()) for part in parts)
    return [
        ("flows in the capture", flows.num_rows, f"of {packets:,} packets, {alarms:,} alarms with reasons"),
        ("inference", flows.num_rows / inference_s, "flows/s: features, network, novelty, decision"),
        ("meter, rows in memory", packets / meter_s, "packets/s"),
        ("meter to Parquet", packets / own_s, "packets/s: as python -m stages.meter"),
        ("detect, end to end", packets / detect_s, "packets/s: verdicts with reasons in Parquet"),
        ("detect over meter", meter_s / detect_s, "of its speed with rows in memory only"),
        ("detect over meter, file", own_s / detect_s, "of its speed to Parquet"),
        (
            "start to first verdict",
            first_verdict_s(package, capture),
            "s of processor time, until 1,000 packets are judged and written",
        ),
    ]


def first_verdict_s(package: Package, capture: Path) -> float:
    """Processor seconds of a whole run of the command on a small capture, bytecode and kernels compiled
    before.
    """
    small = capture.with_name("small.pcap")
    write_capture(small, flows=150)
    command = [
        sys.executable,
        "-m",
        "iotids.commands.detect",
        str(small),
        "-o",
        str(small.with_suffix(".jsonl")),
        "--model",
        str(package.folder),
    ]
    seconds = []
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(ROUNDS):
        before = os.times()
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, env=environment)
        after = os.times()
        seconds.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    return min(seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", nargs="?", default="out/final/multiclass-dl_sensible")
    package = open_package(parser.parse_args().package)
    pa.set_memory_pool(
        pa.system_memory_pool()
    )  # as the command does; the meter alone is measured with it too
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        for what, figure, unit in bench(package, Path(folder)):
            print(
                f"{what:24} {figure:>12,.2f} {unit}" if figure < 100 else f"{what:24} {figure:>12,.0f} {unit}"
            )


if __name__ == "__main__":
    main()
