"""The flow meter beside other exporters of flows, whole processes in turn on one core: python -m tests.bench.bench_peers

Measures what is installed of softflowd, nfpcapd and argus (Debian: softflowd, nfdump, argus-server), tcpdump
copying the capture, and NFStream, when an interpreter that has it is given. Ratios first; above 1 ours is faster.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.bench_meter import NFSTREAM, first_cores, prepare

OURS = "iotids meter (clean, 86 features), Parquet"
ROUNDS = 5


def commands(capture: Path, out: Path, nfstream_python: str) -> dict[str, list[str]]:
    """What is measured and installed, by what is printed: each reads the capture and writes every flow."""
    read, meter = str(capture), f"{sys.executable} -m iotids meter"
    as_typed = {
        OURS: f"{meter} {read} -o {out}/flows.parquet",
        "iotids meter, Arrow IPC": f"{meter} {read} -o {out}/flows.arrow",
        "softflowd, NetFlow 9 to a closed port": f"softflowd -r {read} -n 127.0.0.1:9 -v 9 -m 9999999",
        "nfpcapd, nfdump's files": f"nfpcapd -r {read} -w {out}",
        "argus, its own records": f"argus -r {read} -w {out}/argus.out",
        "tcpdump, a copy to nowhere": f"tcpdump -r {read} -w /dev/null",
    }
    all_of_them = {what: command.split() for what, command in as_typed.items()}
    if nfstream_python:
        all_of_them["NFStream with statistics"] = [nfstream_python, "-c", NFSTREAM, read]
    return {what: command for what, command in all_of_them.items() if shutil.which(command[0])}


def seconds_of(command: list[str], out: Path) -> float:
    """Wall time of a whole process on one core, into an empty folder."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    core = first_cores(1)
    start = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=lambda: os.sched_setaffinity(0, core)
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr.strip()[-300:]}")
    return time.perf_counter() - start


def run_bench(folder: Path, *, rounds: int, nfstream_python: str) -> None:
    """Print each one's median and the median of its ratios to ours, round by round."""
    capture, out = prepare(folder, "once.pcap", 200_000, 1), folder / "peers"
    chosen = commands(capture, out, nfstream_python)
    seconds: dict[str, list[float]] = {what: [] for what in chosen}
    for number in range(rounds + 1):  # the first round warms caches
        for what, command in chosen.items():
            took = seconds_of(command, out)
            if number:
                seconds[what].append(took)
    shutil.rmtree(out, ignore_errors=True)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{machine}; 1,400,000 packets, {capture.stat().st_size / 1e6:.0f} MB; {rounds} rounds")
    for what, values in seconds.items():
        ratios = [other / ours for other, ours in zip(values, seconds[OURS], strict=True)]
        spread = f"{statistics.median(ratios):>6.2f} x ours ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{what:<46} {spread}; {statistics.median(values):.2f} s")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="where the capture is kept (default: a temporary folder)")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--nfstream-python", default=os.environ.get("NFSTREAM_PYTHON", ""), metavar="PYTHON")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        run_bench(folder, rounds=args.rounds, nfstream_python=args.nfstream_python)


if __name__ == "__main__":
    main()
