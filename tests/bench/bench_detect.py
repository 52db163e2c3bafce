"""How fast detect is: inference, end to end beside the flow meter, and from the start to the first verdict.

python -m tests.bench.bench_detect [PACKAGE] [--cores 2]      (default: out/final/multiclass-dl_sensible)

With one core the figures are of processor time, with more of the clock on the wall, the meter in its threads. What is
compared is measured in turn; ratios are the median over the rounds.
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
from statistics import median

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

ROUNDS = 5


def in_turn(works: dict[str, Callable[[], object]], clock: Callable[[], float]) -> dict[str, list[float]]:
    """Seconds that each takes in every round, one after the other: a machine is not as fast in one minute as in the next."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            start = clock()
            work()
            seconds[name].append(clock() - start)
    return seconds


def meter_of(path: Path, package: Package, threads: int = 1) -> Meter:
    """The flow meter."""
    return Meter(str(path), keep_going=True, with_digest=False, threads=threads, **package.meter_settings)


def bench(package: Package, folder: Path, cores: int) -> list[tuple[str, float, str]]:
    """Rows of (what, figure, unit)."""
    capture = folder / "bench.pcap"
    packets = write_capture(capture)
    judge = Judge(package, Model(package), package_point(package))
    flows = pa.Table.from_batches(list(meter_of(capture, package).batches())).combine_chunks()
    parts = [flows.slice(start, ROWS_PER_BLOCK) for start in range(0, flows.num_rows, ROWS_PER_BLOCK)]

    def detect() -> None:
        file = VerdictFile(str(folder / "verdicts.parquet"), judge.schema)
        Session(judge, file).take(meter_of(capture, package, cores))
        file.close(complete=True)

    def meter_to_parquet() -> None:
        meter = meter_of(capture, package, cores)
        columns = package.meter_settings.get("columns", ())
        with sink_for(folder / "flows.parquet", meter.profile, columns=columns) as sink:
            for batch in meter.batches():
                sink.write(batch)
            sink.close()

    works: dict[str, Callable[[], object]] = {
        "inference": lambda: [judge.decide(matrix_of(part, package.features)) for part in parts],
        "meter": lambda: [None for _ in meter_of(capture, package, cores).batches()],
        "file": meter_to_parquet,
        "detect": detect,
    }
    seconds = in_turn(works, time.process_time if cores == 1 else time.perf_counter)
    inference_s, meter_s, own_s, detect_s = map(min, seconds.values())
    alarms = sum(int((judge.decide(matrix_of(part, package.features)).code == 1).sum()) for part in parts)
    return [
        ("flows in the capture", flows.num_rows, f"of {packets:,} packets, {alarms:,} alarms with reasons"),
        ("inference", flows.num_rows / inference_s, "flows/s: features, network, novelty, decision"),
        ("meter, rows in memory", packets / meter_s, "packets/s"),
        ("meter to Parquet", packets / own_s, "packets/s: as python -m stages.meter"),
        ("detect, end to end", packets / detect_s, "packets/s: verdicts with reasons in Parquet"),
        ("detect over meter", over_detect(seconds, "meter"), "of its speed with rows in memory only"),
        ("detect over meter, file", over_detect(seconds, "file"), "of its speed to Parquet"),
        (
            "start to first verdict",
            first_verdict_s(package, capture),
            "s of processor time, until 1,000 packets are judged and written",
        ),
    ]


def over_detect(seconds: dict[str, list[float]], name: str) -> float:
    """Median over the rounds of how long something takes over how long detect does."""
    return median(own / whole for own, whole in zip(seconds[name], seconds["detect"], strict=True))


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
    parser.add_argument("--cores", type=int, default=1)
    arguments = parser.parse_args()
    package = open_package(arguments.package)
    pa.set_memory_pool(
        pa.system_memory_pool()
    )  # as the command does; the meter alone is measured with it too
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    with tempfile.TemporaryDirectory() as folder:
        for what, figure, unit in bench(package, Path(folder), arguments.cores):
            print(
                f"{what:24} {figure:>12,.2f} {unit}" if figure < 100 else f"{what:24} {figure:>12,.0f} {unit}"
            )


if __name__ == "__main__":
    main()
