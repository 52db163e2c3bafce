"""The rate at which `detect --interface` loses no packet, sender and detector on the same cores, in a network of their own:

python -m tests.bench.bench_live [PACKAGE] [--rates 50000 100000] [--seconds 20]      (as root; default: the detector in the box)

A pair of virtual Ethernet interfaces; the benchmark's capture is sent into one end at an even rate, tcpdump of `detect` listens at
the other. Lost is what was sent and is not in the ledger of `detect`; tcpdump's own counter is shown beside it.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.capture import PACKETS_PER_FLOW, write_capture
from tests.detecting.lab import WITHOUT_ANOTHER_ACCOUNT

ROOT = Path(__file__).resolve().parents[2]
INSIDE = "BENCH_LIVE_INSIDE"  # set in the network of its own
FROM, TO = "bench0", "bench1"
PACKET_QDISC_BYPASS = 20  # linux/if_packet.h
TICK_S = 0.001
HEADER, RECORD = 24, 16  # bytes of a pcap file and of its records
SETTLE_S = 3.0  # from the child's start to its first block
MESSAGE = np.dtype(  # struct mmsghdr, 64 bits
    [
        (name, "u8")
        for name in ("name", "name_length", "parts", "n_parts", "control", "control_length", "flags", "sent")
    ]
)


class Sender:
    """The packets of a capture, ready to be handed to the kernel a few hundred at a time."""

    def __init__(self, path: Path, interface: str) -> None:
        self._content = np.fromfile(path, np.uint8)
        starts, lengths = frames_of(self._content)
        self._parts = np.empty((len(starts), 2), np.uint64)
        self._parts[:, 0], self._parts[:, 1] = starts + self._content.ctypes.data, lengths
        self._messages = np.zeros(len(starts), MESSAGE)
        self._messages["parts"] = self._parts.ctypes.data + 16 * np.arange(len(starts), dtype=np.uint64)
        self._messages["n_parts"] = 1
        self._wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._wire.setsockopt(263, PACKET_QDISC_BYPASS, 1)  # SOL_PACKET
        self._wire.bind((interface, 0))
        self._library = ctypes.CDLL(None, use_errno=True)

    def send(self, rate: float) -> float:
        """Send all packets evenly at `rate` packets/s; gives the seconds that it took."""
        begin, sent, n = time.perf_counter(), 0, len(self._messages)
        while sent < n:
            due = min(n, int((time.perf_counter() - begin) * rate) + 1)
            while sent < due:
                sent += self._hand_over(sent, due - sent)
            time.sleep(TICK_S)
        return time.perf_counter() - begin

    def _hand_over(self, first: int, count: int) -> int:
        """How many of some packets the kernel took."""
        where = ctypes.c_void_p(self._messages.ctypes.data + MESSAGE.itemsize * first)
        taken = self._library.sendmmsg(self._wire.fileno(), where, min(count, 1024), 0)
        if taken < 0:
            raise OSError(ctypes.get_errno(), "sendmmsg")
        return int(taken)


def frames_of(content: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets and lengths of the frames of a little-endian pcap file."""
    view, at, starts, lengths = memoryview(content.tobytes()), HEADER, [], []
    while at < len(view):
        length = int.from_bytes(view[at + 8 : at + 12], "little")
        starts.append(at + RECORD)
        lengths.append(length)
        at += RECORD + length
    return np.array(starts, np.uint64), np.array(lengths, np.uint64)


def detector(package: str, folder: Path) -> subprocess.Popen[bytes]:
    """`detect --interface` in its folder."""
    words = ["--interface", TO, "--model", package, "-o", "verdicts.parquet"]
    return subprocess.Popen(
        [sys.executable, "-c", WITHOUT_ANOTHER_ACCOUNT, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=(folder / "said").open("wb"),
    )


def has_begun(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process has its tcpdump."""
    looked = subprocess.run(["pgrep", "-P", str(process.pid), "tcpdump"], capture_output=True, check=False)
    return looked.returncode == 0


def run_once(package: str, capture: Path, rate: float) -> dict[str, Any]:
    """Send a capture once; what arrived, and the processor time of tcpdump and detect together."""
    sender = Sender(capture, FROM)
    with tempfile.TemporaryDirectory() as name:
        folder, before = Path(name), os.times()
        process = detector(package, folder)
        while not has_begun(process):
            time.sleep(0.2)
        time.sleep(SETTLE_S)
        own = time.process_time()
        seconds = sender.send(rate)
        own = time.process_time() - own
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        process.wait()
        after = os.times()
        said = (folder / "said").read_text()
        found = list(folder.glob("*.summary.json"))
        if not found:
            raise SystemExit(f"the detector wrote nothing: {said}")
        summary = json.loads(found[0].read_text())
    busy = sum(getattr(after, f) - getattr(before, f) for f in ("children_user", "children_system"))
    dropped = re.search(r"([\d,]+) packets were dropped", said)
    return {
        "sent": len(sender._messages),
        "seconds": seconds,
        "judged": summary["status"]["packets"] if "status" in summary else said,
        "dropped": dropped[1] if dropped else "0",
        "detector_cpu_s": busy,
        "sender_cpu_s": own,
    }


def main() -> None:
    """Print a line per rate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", nargs="?", default="box")
    parser.add_argument("--rates", type=float, nargs="+", default=[50_000, 100_000])
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    if INSIDE not in os.environ:
        words = ["unshare", "-n", sys.executable, "-m", "tests.bench.bench_live", *sys.argv[1:]]
        os.execvpe(words[0], words, {**os.environ, INSIDE: "1"})
    for words in (
        f"link add {FROM} type veth peer name {TO}",
        f"link set {FROM} up",
        f"link set {TO} up",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    for rate in options.rates:
        with tempfile.TemporaryDirectory() as folder:
            capture = Path(folder) / "sent.pcap"
            write_capture(capture, flows=int(rate * options.seconds / PACKETS_PER_FLOW))
            print(run_once(options.package, capture, rate), flush=True)


if __name__ == "__main__":
    main()
