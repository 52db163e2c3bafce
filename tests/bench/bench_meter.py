"""Speed and memory of the flow meter beside its peers and what it must reach, all measured in one run: python
-m tests.bench.bench_meter

Writes its own captures (1.4 million packets in 200,000 flows, and ten times as long) and prints one table.
Every measurement is a process of its own, tied to the cores named; starting, compiling and reading the
capture into the page cache are over before the clock starts. NFStream is measured when an interpreter that
has it is given: --nfstream-python venv/bin/python (or NFSTREAM_PYTHON).
"""

from __future__ import annotations

import argparse
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

REPEATS = 5  # of the short capture's measurements; the fastest counts, for peers too
NFSTREAM = """
import json, resource, sys, time
from nfstream import NFStreamer
start = time.perf_counter()
packets = sum(f.bidirectional_packets for f in NFStreamer(source=sys.argv[1], statistical_analysis=True, n_dissections=0, n_meters=1))
seconds = time.perf_counter() - start
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({"what": "", "packets": packets, "seconds": seconds, "peak_mb": max(u.ru_maxrss for u in used) // 1024,
                  "cpu_seconds": sum(u.ru_utime + u.ru_stime for u in used)}))
"""


@dataclass(frozen=True)
class Measured:
    """One line of the table."""

    what: str
    packets: int
    seconds: float
    peak_mb: int
    kernel_seconds: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Million packets per second."""
        return self.packets / self.seconds / 1e6

    def line(self) -> str:
        """As text."""
        return f"{self.what:<58} {self.packets:>11,} {self.seconds:>8.2f} {self.cpu_seconds:>7.2f} {self.rate:>8.3f} {self.peak_mb:>8}"


def first_cores(n: int) -> list[int]:
    """The first cores that this process may use."""
    return sorted(os.sched_getaffinity(0))[:n]


def started(command: list[str], cores: list[int]) -> subprocess.Popen[str]:
    """Start a measurement in a process tied to some cores."""
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )


def result_of(process: subprocess.Popen[str]) -> Measured:
    """Wait for a measurement; its last line of output is the result."""
    output, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{process.args} failed:\n{errors}")
    return Measured(**json.loads(output.splitlines()[-1]))


def measure(what: str, function: Callable[[], tuple[int, float]]) -> Measured:
    """Time a function that returns the number of packets and the seconds spent in kernels."""
    start, cpu = time.perf_counter(), time.process_time()
    packets, kernel_seconds = function()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return Measured(
        what,
        packets,
        seconds,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        kernel_seconds,
        cpu,
    )


def run_meter(
    path: Path, profile: str, out: Path, *, kernels_apart: bool = False, for_keeping: bool = False
) -> tuple[int, float]:
    """Capture to finished Parquet file with this meter."""
    from iotids.flowmeter.captures import NamedCapture, Options, meter_captures
    from iotids.flowmeter.pipeline import decoder, table
    from iotids.flowmeter.reading import pcap

    spent = [0.0]

    def timed(kernel: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            start = time.thread_time()
            result = kernel(*arguments)
            spent[0] += time.thread_time() - start
            return result

        return call

    callers = ((pcap, "walk_pcap"), (decoder, "decode_frames"), (table, "meter_packets"))
    kept = [getattr(caller, name) for caller, name in callers]
    if kernels_apart:
        for (caller, name), kernel in zip(callers, kept, strict=True):
            setattr(caller, name, timed(kernel))
    options = Options(profile, 120.0, 5.0, 120.0, "inner", False, (), 0)
    ledgers = meter_captures([NamedCapture(path, path.name)], out, options, for_keeping=for_keeping)
    for (caller, name), kernel in zip(callers, kept, strict=True):
        setattr(caller, name, kernel)
    return ledgers[0].packets, spent[0]


def run_read(path: Path) -> tuple[int, float]:
    """Only read the file."""
    buffer = bytearray(1 << 20)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return 1, 0.0


def child_main(what: str, path: Path, warm: Path) -> None:
    """One measurement."""
    out = path.with_suffix(f".{os.getpid()}.parquet")
    run_read(path)
    if what == "read":
        result = measure("", lambda: run_read(path))
    else:
        profile, *how = what.split("+")
        run_meter(warm, profile, out)
        out.unlink()  # nor is it part of what is timed below: giving the disk's space back is the user's time, not the meter's
        result = measure(
            "",
            lambda: run_meter(
                path, profile, out, kernels_apart="kernels" in how, for_keeping="keeping" in how
            ),
        )
        out.unlink()
    print(json.dumps(vars(result)))


def run_tcpdump(path: Path, packets: int) -> Measured:
    """Tcpdump copying the capture to nowhere, on one core."""
    core = first_cores(1)
    run_read(path)
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["tcpdump", "-r", str(path), "-w", "/dev/null"]
    subprocess.run(command, capture_output=True, check=True, preexec_fn=lambda: os.sched_setaffinity(0, core))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured("", packets, time.perf_counter() - start, 0, cpu_seconds=cpu)


def measure_start(warm: Path, folder: Path) -> tuple[float, float]:
    """Seconds from the shell to a metered tiny capture: the fastest later start, and one with an empty
    compile cache.
    """
    seconds = []
    for cache in (None, None, None, tempfile.mkdtemp(dir=folder)):
        environment = {**os.environ, **({"NUMBA_CACHE_DIR": cache} if cache else {})}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
        command = [sys.executable, "-m", "stages.meter", str(warm), "-o", str(folder / "start.parquet")]
        if not seconds:
            subprocess.run(command, env=environment, capture_output=True, check=True)
        start = time.perf_counter()
        subprocess.run(command, env=environment, capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    return min(seconds[:-1]), seconds[-1]


class Bench:
    """Measures and prints line by line."""

    def __init__(self, warm: Path) -> None:
        self.warm = warm
        print(f"{'':<58} {'packets':>11} {'seconds':>8} {'cpu s':>7} {'M/s':>8} {'peak MB':>8}", flush=True)

    def show(self, what: str, found: Measured) -> Measured:
        """Print a line."""
        named = replace(found, what=what)
        print(named.line(), flush=True)
        return named

    def meter(self, what: str, kind: str, path: Path, *, cores: int = 1, repeats: int = 1) -> Measured:
        """The fastest of some runs of a child of this script."""
        return self.show(
            what,
            min(
                (result_of(self.child(kind, path, first_cores(cores))) for _ in range(repeats)),
                key=lambda found: found.seconds,
            ),
        )

    def child(self, kind: str, path: Path, cores: list[int]) -> subprocess.Popen[str]:
        """Start a child of this script."""
        return started(
            [sys.executable, "-m", "tests.bench.bench_meter", "--child", kind, str(path), str(self.warm)],
            cores,
        )

    def side_by_side(self, what: str, kind: str, path: Path, *, repeats: int = 1) -> Measured:
        """Two children at once, each tied to a core of its own: what two cores could do at best, together."""
        found = []
        for _ in range(repeats):
            pair = [result_of(child) for child in [self.child(kind, path, [core]) for core in first_cores(2)]]
            slower = max(pair, key=lambda one: one.seconds)
            found.append(
                replace(slower, packets=2 * slower.packets, cpu_seconds=sum(one.cpu_seconds for one in pair))
            )
        return self.show(what, min(found, key=lambda one: one.seconds))

    def tcpdump(self, what: str, path: Path, packets: int, repeats: int) -> Measured | None:
        """The fastest of some runs of tcpdump."""
        if not shutil.which("tcpdump"):
            print(f"{what}: not installed")
            return None
        return self.show(
            what, min((run_tcpdump(path, packets) for _ in range(repeats)), key=lambda found: found.seconds)
        )

    def one_capture(
        self, name: str, path: Path, *, repeats: int, profiles: tuple[str, ...]
    ) -> dict[str, Measured]:
        """All measurements of our own on a capture, and tcpdump's; by a short name."""
        found = {"clean": self.meter(f"{name}: clean, 1 core, to Parquet", "clean", path, repeats=repeats)}
        packets = found["clean"].packets
        apart = self.meter(f"{name}: the same with the kernels timed", "clean+kernels", path)
        alone = Measured("", packets, apart.kernel_seconds, 0, cpu_seconds=apart.kernel_seconds)
        found["kernels"] = self.show(f"{name}: cutting, decoding, metering alone", alone)
        dump = self.tcpdump(f"{name}: tcpdump -r FILE -w /dev/null", path, packets, repeats)
        if dump:
            found["tcpdump"] = dump
        found["two"] = self.meter(
            f"{name}: clean, 2 cores, to Parquet", "clean", path, cores=2, repeats=repeats
        )
        found["pair"] = self.side_by_side(
            f"{name}: clean, 2 captures side by side, 1 core each", "clean", path, repeats=repeats
        )
        for profile in profiles:
            found[profile] = self.meter(
                f"{name}: {profile}, 1 core, to Parquet", profile, path, repeats=repeats
            )
        return found


def nfstream(bench: Bench, name: str, python: str, path: Path, repeats: int) -> Measured | None:
    """NFStream with statistical features and without deep inspection, all cores, the fastest run; None where
    there is none.
    """
    if (
        not python
        or subprocess.run([python, "-c", "import nfstream"], capture_output=True, check=False).returncode
    ):
        print("NFStream: no interpreter given that has it (--nfstream-python), so it is not in the table")
        return None
    every_core = sorted(os.sched_getaffinity(0))
    found = [result_of(started([python, "-c", NFSTREAM, str(path)], every_core)) for _ in range(repeats)]
    return bench.show(
        f"{name}: NFStream, 1 meter, statistics, no dissection", min(found, key=lambda one: one.seconds)
    )


def verdict(what: str, value: float, wanted: float, *, at_most: bool = False) -> str:
    """A line on what must be reached."""
    good = value <= wanted if at_most else value >= wanted
    return f"{'reached' if good else 'MISSED ':<8} {what:<62} {value:>7.2f}   wanted {'at most' if at_most else 'at least'} {wanted:g}"


def verdicts(starts: tuple[float, float], once: dict[str, Measured], ten: dict[str, Measured]) -> list[str]:
    """What must be reached, on the longest capture measured."""
    long = ten or once
    at_best = long["pair"].rate / long["clean"].rate
    lines = [
        verdict("clean, 1 core, to Parquet, million packets/s", long["clean"].rate, 2.5),
        verdict("kernels alone, million packets/s", long["kernels"].rate, 5),
        *(
            verdict(f"{name}, 1 core, million packets/s", long[name].rate, 1.25)
            for name in ("original", "corrected")
        ),
        verdict(
            f"two cores over one core (two captures side by side: {at_best:.2f})",
            long["two"].rate / long["clean"].rate,
            1.6,
        ),
        verdict("second start, s", starts[0], 1.5, at_most=True),
        *(
            verdict(f"peak memory, {name}, MB", once[name].peak_mb, 400, at_most=True)
            for name in ("clean", "two", "original", "corrected")
        ),
    ]
    if "tcpdump" in long:
        lines.append(
            verdict("time over tcpdump's", long["clean"].seconds / long["tcpdump"].seconds, 2.5, at_most=True)
        )
    for name in ("clean", "two", "original", "corrected") if ten else ():
        lines.append(
            verdict(
                f"peak memory, {name}, ten-fold over once",
                ten[name].peak_mb / once[name].peak_mb,
                1.1,
                at_most=True,
            )
        )
    for name, found in (("once", once), ("ten-fold", ten)):
        if "nfstream" in found:
            for key, cores in (("clean", "1 core"), ("two", "2 cores")):
                lines.append(
                    verdict(
                        f"{name}: {cores}, rate over NFStream's", found[key].rate / found["nfstream"].rate, 40
                    )
                )
    return lines


def prepare(folder: Path, name: str, flows: int, parts: int) -> Path:
    """A benchmark capture, written when it is not there."""
    path = folder / name
    if not path.is_file():
        write_capture(path, flows=flows, parts=parts)
    return path


def run_bench(folder: Path, *, tenfold: bool, nfstream_python: str) -> None:
    """All measurements."""
    warm, path = prepare(folder, "warm.pcap", 500, 1), prepare(folder, "once.pcap", 200_000, 1)
    starts = measure_start(warm, folder)
    size = path.stat().st_size / 1e6
    print(
        f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {size:.0f} MB capture"
    )
    print(
        f"start to end on a tiny capture: {starts[0]:.2f} s; with an empty compile cache: {starts[1]:.1f} s"
    )
    bench = Bench(warm)
    once = bench.one_capture("once", path, repeats=REPEATS, profiles=("original", "paper", "corrected"))
    bench.meter("once: clean, 1 core, SHA-256 and all compressed", "clean+keeping", path, repeats=REPEATS)
    bench.show(
        "once: reading the file only",
        replace(result_of(bench.child("read", path, first_cores(1))), packets=once["clean"].packets),
    )
    ten: dict[str, Measured] = {}
    if other := nfstream(bench, "once", nfstream_python, path, 2):
        once["nfstream"] = other
    if tenfold:
        longer = prepare(folder, "tenfold.pcap", 200_000, 10)
        ten = bench.one_capture("ten-fold", longer, repeats=1, profiles=("original", "corrected"))
        if other and (slow := nfstream(bench, "ten-fold", nfstream_python, longer, 1)):
            ten["nfstream"] = slow
    print(*verdicts(starts, once, ten), sep="\n")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, help="where the captures are kept between runs (default: a temporary folder)"
    )
    parser.add_argument("--quick", action="store_true", help="leave out the capture ten times as long")
    parser.add_argument(
        "--nfstream-python",
        default=os.environ.get("NFSTREAM_PYTHON", ""),
        metavar="PYTHON",
        help="interpreter that has NFStream",
    )
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "PATH", "WARM"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child_main(args.child[0], Path(args.child[1]), Path(args.child[2]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        run_bench(folder, tenfold=not args.quick, nfstream_python=args.nfstream_python)


if __name__ == "__main__":
    main()
