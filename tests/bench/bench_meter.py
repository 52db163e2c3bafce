"""Speed and memory of the flow meter beside its peers, all measured in one run: python -m tests.bench.bench_meter

Writes its own captures (1.4 million packets in 200,000 flows, and ten times as long) and prints one table. Every measurement is
a process of its own, tied to the cores named; compiling and imports are over before the clock starts and are shown apart.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.capture import write_capture


@dataclass(frozen=True)
class Measured:
    """One line of the table."""

    what: str
    packets: int
    seconds: float
    peak_mb: int
    kernel_seconds: float = 0.0
    cpu_seconds: float = 0.0

    def line(self, reference_s: float) -> str:
        """As text; the last column compares with one core, clean, on the same capture, per packet."""
        rate = self.packets / self.seconds / 1e6
        relation = reference_s / (self.seconds / self.packets)
        return f"{self.what:<52} {self.packets:>12,} {self.seconds:>9.2f} {self.cpu_seconds:>7.2f} {rate:>9.3f} {self.peak_mb:>8} {relation:>9.2f}"


def child(arguments: list[str], cores: int) -> Measured:
    """Run one measurement in a process tied to the first `cores` cores."""
    usable = sorted(os.sched_getaffinity(0))[:cores]
    command = [sys.executable, "-m", "tests.bench.bench_meter", "--child", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=lambda: os.sched_setaffinity(0, usable))
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def measure(what: str, function: Callable[[], tuple[int, float]]) -> Measured:
    """Time a function that returns the number of packets and the seconds spent in kernels."""
    start, cpu = time.perf_counter(), time.process_time()
    packets, kernel_seconds = function()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return Measured(what, packets, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, kernel_seconds, cpu)


def run_meter(path: Path, profile: str, out: Path, *, kernels_apart: bool = False) -> tuple[int, float]:
    """Capture to finished Parquet file with this meter."""
    from stages.flowmeter import kernels
    from stages.flowmeter.several import NamedCapture, Options, meter_captures

    spent = [0.0]

    def timed(kernel: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            start = time.thread_time()
            result = kernel(*arguments)
            spent[0] += time.thread_time() - start
            return result

        return call

    kept = {name: getattr(kernels, name) for name in ("walk_pcap", "decode_frames", "meter_packets")}
    if kernels_apart:
        for name, kernel in kept.items():
            setattr(kernels, name, timed(kernel))
    ledgers = meter_captures([NamedCapture(path, path.name)], out, Options(profile, 120.0, 5.0, 120.0, "inner", False))
    for name, kernel in kept.items():
        setattr(kernels, name, kernel)
    out.unlink()
    return ledgers[0].packets, spent[0]


def run_read(path: Path) -> tuple[int, float]:
    """Only read the file."""
    buffer = bytearray(1 << 20)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return 1, 0.0


def run_nfstream(path: Path) -> tuple[int, float]:
    """NFStream with statistical features and without deep inspection."""
    from nfstream import NFStreamer

    streamer = NFStreamer(source=str(path), statistical_analysis=True, n_dissections=0, n_meters=1)
    return sum(flow.bidirectional_packets for flow in streamer), 0.0


def child_main(what: str, path: Path, warm: Path) -> None:
    """One measurement."""
    out = path.with_suffix(f".{os.getpid()}.parquet")
    if what == "read":
        result = measure("reading the file", lambda: run_read(path))
    elif what == "nfstream":
        result = measure("NFStream", lambda: run_nfstream(path))
    else:
        profile, _, apart = what.partition("+")
        run_meter(warm, profile, out)
        result = measure(profile, lambda: run_meter(path, profile, out, kernels_apart=bool(apart)))
    print(json.dumps(vars(result)))


def measure_start(warm: Path, folder: Path) -> tuple[float, float]:
    """Seconds from the shell to a metered tiny capture: the second start, and a start with an empty compile cache."""
    seconds = []
    for cache in (None, tempfile.mkdtemp(dir=folder)):
        environment = {**os.environ, **({"NUMBA_CACHE_DIR": cache} if cache else {})}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
        command = [sys.executable, "-m", "stages.meter", str(warm), "-o", str(folder / "start.parquet")]
        if cache is None:
            subprocess.run(command, env=environment, capture_output=True, check=True)
        start = time.perf_counter()
        subprocess.run(command, env=environment, capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    return seconds[0], seconds[1]


def run_tcpdump(path: Path, packets: int) -> Measured:
    """Tcpdump copying the capture to nowhere."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["tcpdump", "-r", str(path), "-w", "/dev/null"], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured("tcpdump -r FILE -w /dev/null", packets, time.perf_counter() - start, 0, cpu_seconds=cpu)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the captures are kept between runs (default: a temporary folder)")
    parser.add_argument("--quick", action="store_true", help="leave out the capture ten times as long")
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "PATH", "WARM"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child_main(args.child[0], Path(args.child[1]), Path(args.child[2]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bench(folder, tenfold=not args.quick)


def prepare(folder: Path, name: str, flows: int, parts: int) -> Path:
    """A benchmark capture, written when it is not there."""
    path = folder / name
    if not path.is_file():
        write_capture(path, flows=flows, parts=parts)
    return path


def bench(folder: Path, *, tenfold: bool) -> None:
    """All measurements."""
    warm = prepare(folder, "warm.pcap", 500, 1)
    once = prepare(folder, "once.pcap", 200_000, 1)
    second, first = measure_start(warm, folder)
    size = once.stat().st_size / 1e6
    print(f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {size:.0f} MB capture")
    print(f"start to end on a tiny capture: {second:.2f} s; with an empty compile cache: {first:.1f} s")
    lines: list[Measured] = []

    def note(what: str, kind: str, path: Path, cores: int = 1) -> Measured:
        found = child([kind, str(path), str(warm)], cores)
        lines.append(replace(found, what=what))
        return found

    reference = note("clean, 1 core, to Parquet", "clean", once)
    packets = reference.packets
    reading = child(["read", str(once), str(warm)], 1)
    lines.append(replace(reading, what="reading the file only", packets=packets))
    apart = child(["clean+kernels", str(once), str(warm)], 1)
    lines.append(Measured("clean, 1 core, the kernels' share (decode, meter)", packets, apart.kernel_seconds, apart.peak_mb, cpu_seconds=apart.kernel_seconds))
    for profile in ("original", "paper", "corrected"):
        note(f"{profile}, 1 core, to Parquet", profile, once)
    note("clean, 2 cores, to Parquet", "clean", once, cores=2)
    if shutil.which("tcpdump"):
        lines.append(run_tcpdump(once, packets))
    if importlib.util.find_spec("nfstream"):
        note("NFStream, 1 meter, statistics, no dissection", "nfstream", once)
    if tenfold:
        long = prepare(folder, "tenfold.pcap", 200_000, 10)
        note("clean, 1 core, to Parquet, ten-fold capture", "clean", long)
        note("clean, 2 cores, to Parquet, ten-fold capture", "clean", long, cores=2)
    print(f"{'':<52} {'packets':>12} {'seconds':>9} {'cpu s':>7} {'M/s':>9} {'peak MB':>8} {'x clean':>9}")
    for line in lines:
        print(line.line(reference.seconds / reference.packets))
    for name, there in (("tcpdump", shutil.which("tcpdump")), ("NFStream", importlib.util.find_spec("nfstream"))):
        if not there:
            print(f"{name} is not installed, so it is not in the table")


if __name__ == "__main__":
    main()
