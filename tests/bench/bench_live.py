"""The rate at which `detect --interface` loses no packet, sender and detector on the same cores, in a network of their own:

python -m tests.bench.bench_live [PACKAGE] [--rates 50000 100000] [--seconds 20]      (as root; default: the detector in the box)

A pair of virtual Ethernet interfaces; the benchmark's capture is sent into one end at an even rate, in a long run again and again with
other hosts, and tcpdump of `detect` listens at the other. Flows end by silence, so a run shorter than the idle timeout (120 s) judges
most of them at its end; with --scan every SYN ends the flow before it, so that verdicts are due all the time.
Lost is what was sent and is not in the ledger of `detect`; tcpdump's own counter is shown beside it. The lag is the time
from the last packet sent until `detect` has nothing to do any more: it grows with the seconds where the rate is too high.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
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
CAPTURE_S = 20  # of packets in memory; a longer run sends them again
SECOND_BYTES = (27, 31)  # of the addresses in an Ethernet frame: each time the hosts are others
HEADER, RECORD = 24, 16  # bytes of a pcap file and of its records
SETTLE_S = 3.0  # from the child's start to its first block
LOOK_S, QUIET_S = 0.1, 1.0  # of processor time; after so long without work there is none left
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MESSAGE = np.dtype(  # struct mmsghdr, 64 bits
    [
        (name, "u8")
        for name in ("name", "name_length", "parts", "n_parts", "control", "control_length", "flags", "sent")
    ]
)


class Sender:
    """The packets of a capture, ready to be handed to the kernel a few hundred at a time, several times over."""

    def __init__(self, path: Path, interface: str, times: int) -> None:
        self._times = times
        self._content = np.fromfile(path, np.uint8)
        starts, lengths = frames_of(self._content)
        self._second_bytes = [starts + place for place in SECOND_BYTES]
        self._parts = np.empty((len(starts), 2), np.uint64)
        self._parts[:, 0], self._parts[:, 1] = starts + self._content.ctypes.data, lengths
        self._messages = np.zeros(len(starts), MESSAGE)
        self._messages["parts"] = self._parts.ctypes.data + 16 * np.arange(len(starts), dtype=np.uint64)
        self._messages["n_parts"] = 1
        self._wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._wire.setsockopt(263, PACKET_QDISC_BYPASS, 1)  # SOL_PACKET
        self._wire.bind((interface, 0))
        self._library = ctypes.CDLL(None, use_errno=True)

    @property
    def n_packets(self) -> int:
        """How many are sent."""
        return self._times * len(self._messages)

    def send(self, rate: float) -> float:
        """Send all packets evenly at `rate` packets/s; gives the seconds that it took."""
        begin, sent, n = time.perf_counter(), 0, len(self._messages)
        while sent < self.n_packets:
            due = min(self.n_packets, int((time.perf_counter() - begin) * rate) + 1)
            while sent < due:
                if sent and sent % n == 0:
                    self._change_hosts()
                sent += self._hand_over(sent % n, min(due - sent, n - sent % n))
            time.sleep(TICK_S)
        return time.perf_counter() - begin

    def _change_hosts(self) -> None:
        """Make the hosts of all packets others: the same conversations, between new ones."""
        for places in self._second_bytes:
            self._content[places] += 1

    def _hand_over(self, first: int, count: int) -> int:
        """How many of some packets the kernel took."""
        where = ctypes.c_void_p(self._messages.ctypes.data + MESSAGE.itemsize * first)
        taken = self._library.sendmmsg(self._wire.fileno(), where, min(count, 1024), 0)
        if taken < 0:
            raise OSError(ctypes.get_errno(), "sendmmsg")
        return int(taken)


def write_scan(path: Path, *, flows: int) -> None:
    """Write connections that one host begins and another refuses, on a thousand ports again and again: each SYN ends the
    flow before it.
    """
    number = np.arange(flows)
    server, port = 0x0A010000 + np.zeros(flows, np.int64), 1 + (number & 1023)
    random = np.random.default_rng(7)
    fields = {"macs": "V12", "type": ">u2", "ip": "V10", "sum": ">u2", "src": ">u4", "dst": ">u4"}
    frame = [
        *fields.items(),
        ("sport", ">u2"),
        ("dport", ">u2"),
        ("seq", ">u4"),
        ("ack", ">u4"),
        ("flags", ">u2"),
        ("rest", "V6"),
    ]
    record = np.zeros(
        (flows, 2), [("s", "<u4"), ("us", "<u4"), ("captured", "<u4"), ("length", "<u4"), *frame]
    )
    record["captured"] = record["length"] = record.itemsize - RECORD
    record["type"] = 0x0800
    record["ip"] = np.void(bytes.fromhex("45000028000040004006"))
    record["src"], record["dst"] = 0x0A000042, server[:, None]
    record["sport"], record["dport"] = 40_000, port[:, None]
    record["seq"] = random.integers(0, 1 << 32, (flows, 2))
    record["flags"] = 0x5002, 0x5014  # SYN; RST and ACK
    for one, other in (("src", "dst"), ("sport", "dport")):
        record[one][:, 1], record[other][:, 1] = record[other][:, 0], record[one][:, 0]
    header = np.array([0xA1B2C3D4, 0x00040002, 0, 0, 262_144, 1], "<u4")
    path.write_bytes(header.tobytes() + record.tobytes())


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
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OPENBLAS_NUM_THREADS": "1",
        },  # as the command sets it itself
        stderr=(folder / "said").open("wb"),
    )


def has_begun(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process has its tcpdump."""
    looked = subprocess.run(["pgrep", "-P", str(process.pid), "tcpdump"], capture_output=True, check=False)
    return looked.returncode == 0


def processor_seconds(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Of a process that is not yet waited for: its own, and those of the children that it waited for."""
    words = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    own_user, own_system, user, system = map(int, words[11:15])
    return (own_user + own_system) / TICKS_PER_S, (user + system) / TICKS_PER_S


def is_busy(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process works for more than half of a moment."""
    before = processor_seconds(process)[0]
    time.sleep(LOOK_S)
    return processor_seconds(process)[0] - before > LOOK_S / 2


def wait_until_all_is_judged(process: subprocess.Popen[bytes]) -> float:
    """Wait until a process has nothing to do any more; gives the seconds from now until then."""
    begin = last = time.perf_counter()
    while time.perf_counter() - last < QUIET_S:
        if is_busy(process):
            last = time.perf_counter()
    return last - begin


def peak_mb(process: subprocess.Popen[bytes]) -> int:
    """The most memory that a process has had so far."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    return int(found[1]) // 1024 if found else 0


def run_once(package: str, capture: Path, rate: float, times: int) -> dict[str, Any]:
    """Send a capture; what arrived, and the processor time of detect, of its tcpdump and of the sender."""
    sender = Sender(capture, FROM, times)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = detector(package, folder)
        while not has_begun(process):
            time.sleep(0.2)
        time.sleep(SETTLE_S)
        own = time.process_time()
        seconds = sender.send(rate)
        own = time.process_time() - own
        lag_s = wait_until_all_is_judged(process)
        before_end_s, memory = processor_seconds(process)[0], peak_mb(process)
        process.send_signal(signal.SIGINT)
        begin = time.perf_counter()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        end_s = time.perf_counter() - begin
        detect_cpu_s, tcpdump_cpu_s = processor_seconds(process)
        process.wait()
        said = (folder / "said").read_text()
        found = list(folder.glob("*.summary.json"))
        if not found:
            raise SystemExit(f"the detector wrote nothing: {said}")
        summary = json.loads(found[0].read_text())
    dropped = re.search(r"([\d,]+) packets were dropped", said)
    return {
        "sent": sender.n_packets,
        "seconds": seconds,
        "judged": summary["status"]["packets"] if "status" in summary else said,
        "dropped": dropped[1] if dropped else "0",
        "lag_s": lag_s,
        "end_s": end_s,
        "detect_cpu_s": detect_cpu_s,
        "of_it_before_the_end": before_end_s,
        "tcpdump_cpu_s": tcpdump_cpu_s,
        "sender_cpu_s": own,
        "memory_mb": memory,
    }


def main() -> None:
    """Print a line per rate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", nargs="?", default="box")
    parser.add_argument("--rates", type=float, nargs="+", default=[50_000, 100_000])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--scan", action="store_true", help="flows of two packets, each ended by the next")
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
            times = math.ceil(options.seconds / CAPTURE_S)
            packets = rate * options.seconds / times
            if options.scan:
                write_scan(capture, flows=int(packets / 2))
            else:
                write_capture(capture, flows=int(packets / PACKETS_PER_FLOW))
            print(run_once(options.package, capture, rate, times), flush=True)


if __name__ == "__main__":
    main()
