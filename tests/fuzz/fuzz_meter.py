"""Mutate captures of all formats and meter them: no crash, no hang, no read out of bounds, no runaway memory.

python -m tests.fuzz.fuzz_meter --count 1000000       (a seed and a count; a failing capture is kept and
named) NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$(mktemp -d) python -m tests.fuzz.fuzz_meter   (the same with every
array access checked) Captures are metered under one profile after the other, half of them with flows going to
disk, 50,000 in a process of their own. Anything but a result or a CaptureFault is a finding: an exception, a
signal (a crash in compiled code, or the system's when the time of one capture is up) or memory that grows.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import lzma
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import zstandard

from iotids.flowmeter.flows import Meter
from iotids.flowmeter.pipeline.sweeping import FLOWS_IN_MEMORY
from iotids.flowmeter.profiles import PROFILES
from iotids.flowmeter.reading import CaptureFault, blocks
from tests.encapsulations import ENCAPSULATIONS, aggregate, radiotap
from tests.fuzz.growth import Growth
from tests.packets import (
    MAC_A,
    Record,
    arp,
    ethernet,
    icmp,
    ipv4,
    ipv6,
    ng_block,
    ng_interface,
    ng_packet,
    ng_section,
    pcap_bytes,
    sctp,
    tcp,
    udp,
    vlan,
)

HANG_S = 10  # of processor time; a capture takes less than a millisecond
MEMORY_MB = 1_500  # resident; a process that asks for this much more address space than after warming up is refused it
PER_PROCESS = 50_000
T0 = 1_600_000_000_000_000
TYPES = [
    0x0800,
    0x86DD,
    0x8100,
    0x8847,
    0x8864,
    0x6558,
    0x8926,
    0x893F,
    0x88E7,
    0x8903,
    0x22F3,
    0x894F,
    0x892F,
]
TYPES += [0x8909, 0x88E5, 0x4305, 0xD28B, 0xDADA, 0x88BE, 0x22EB, 0x880B, 0x883E, 0x8870]
PORTS = [1701, 2152, 3544, 4341, 4754, 4789, 4790, 6080, 6081, 6635, 8472, 37008, 48879]
LINKS = [0, 6, 9, 10, 51, 101, 104, 105, 107, 113, 119, 127, 163, 192, 239, 258, 276]
WORDS = [0, 1, 20, 0xFFFF, *TYPES, *PORTS, *LINKS]
INTERESTING = [
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    15,
    16,
    17,
    19,
    20,
    31,
    32,
    40,
    44,
    58,
    63,
    64,
    100,
    127,
    128,
    129,
    200,
    254,
    255,
]


def seed_frames() -> list[tuple[int, bytes]]:
    """Link type and bytes of frames that reach every part of the decoders."""
    inner = ipv4("10.0.0.1", "10.0.0.2", 17, udp(1000, 53, b"question"))
    segment = ipv4("10.0.0.1", "10.0.0.2", 6, tcp(options=bytes(12), payload=b"abc", flags=24))
    long6 = (
        struct.pack("!BB6x", 60, 0)
        + struct.pack("!BB14x", 51, 1)
        + struct.pack("!BB10x", 44, 1)
        + struct.pack("!BBHI", 17, 0, 1, 9)
        + udp(5, 6, b"x")
    )
    radio = (
        bytes.fromhex("0000080000000000")
        + bytes.fromhex("8801")
        + bytes(2)
        + MAC_A * 3
        + bytes(4)
        + bytes.fromhex("aaaa030000000800")
        + inner
    )
    l2tp = udp(1701, 1701, bytes.fromhex("ca0200010002000300040000ff030021") + segment)
    return [
        (1, ethernet(segment)),
        (1, ethernet(inner)),
        (1, ethernet(arp(), 0x0806, dst=b"\xff" * 6)),
        (1, ethernet(ipv6("fe80::1", "fe80::2", 0, long6), 0x86DD)),
        (1, ethernet(vlan(vlan(segment), 0x8100), 0x88A8)),
        (1, ethernet(bytes.fromhex("0001004000020140") + inner, 0x8847)),
        (1, ethernet(bytes.fromhex("00010140") + bytes(4) + ethernet(inner), 0x8847)),
        (1, ethernet(struct.pack("!BBHHH", 0x11, 0, 1, len(inner) + 2, 0x0021) + inner, 0x8864)),
        (
            1,
            ethernet(
                ipv4("1.1.1.1", "2.2.2.2", 47, bytes.fromhex("b00065580000000000000001") + ethernet(inner))
            ),
        ),
        (
            1,
            ethernet(
                ipv4(
                    "1.1.1.1",
                    "2.2.2.2",
                    47,
                    bytes.fromhex("3081880b000000010000000200000003") + bytes.fromhex("ff030021") + inner,
                )
            ),
        ),
        (1, ethernet(ipv4("1.1.1.1", "2.2.2.2", 4, inner))),
        (1, ethernet(ipv4("1.1.1.1", "2.2.2.2", 41, ipv6("fe80::1", "fe80::2", 58, icmp())))),
        (1, ethernet(ipv4("1.1.1.1", "2.2.2.2", 17, l2tp))),
        (1, ethernet(ipv4("1.1.1.1", "2.2.2.2", 1, icmp(3, 1, bytes(4) + inner)))),
        (1, ethernet(ipv4("1.1.1.1", "2.2.2.2", 132, sctp()))),
        (1, ethernet(ipv4("1.1.1.1", "2.2.2.2", 17, udp(1, 2, bytes(16)), more=True, ident=3))),
        (1, ethernet(ipv4("1.1.1.1", "2.2.2.2", 17, bytes(16), offset=3, ident=3))),
        (1, ethernet(bytes.fromhex("aaaa030000000800") + inner, 60)),
        (113, struct.pack("!HHH8sH", 0, 1, 6, MAC_A + bytes(2), 0x0800) + inner),
        (276, struct.pack("!HHIHBB8s", 0x0800, 0, 2, 1, 0, 6, MAC_A + bytes(2)) + inner),
        (101, inner),
        (0, struct.pack("<I", 2) + inner),
        (9, bytes.fromhex("ff030021") + inner),
        (127, radio),
        (105, radio[8:]),
    ]


def talk(start: int) -> list[Record]:
    """Some connections side by side, with answers, repetitions and ends, over seconds: what metering has to
    follow.
    """
    records = []
    for step, flags in enumerate((2, 18, 16, 24, 24, 24, 17, 17, 4, 2)):
        for host in range(3):
            ends = ("10.0.0.1", f"10.0.1.{host}") if step % 3 else (f"10.0.1.{host}", "10.0.0.1")
            ports = (1000 + host, 80) if step % 3 else (80, 1000 + host)
            transport = (
                (17, udp(*ports, bytes(step)))
                if host == 2
                else (6, tcp(*ports, flags=flags, seq=step // 2, payload=bytes(step % 4)))
            )
            records.append(Record(start + 250_000 * step + host, ethernet(ipv4(*ends, *transport))))
    return records


def encapsulated_frames() -> list[tuple[int, bytes]]:
    """Link type and bytes of a frame of every encapsulation, and of aggregated and fragmented ones."""
    segment = tcp(40_000, 80, flags=24, options=bytes(12), payload=b"abc")
    packets = (ipv4("10.0.0.1", "10.0.0.2", 6, segment), ipv6("fe80::1", "fe80::2", 6, segment))
    frames = [(one.link, one.wrap(packets[i % 2])) for i, one in enumerate(ENCAPSULATIONS.values())]
    frames += [(105, aggregate(*packets * 3)), (127, radiotap(aggregate(*packets), flags=0x20))]
    for at, part in ((0, segment[:8]), (1, segment[8:16]), (2, segment[16:])):
        for protocol, inner in ((6, part), (51, b"\x06\4" + bytes(22) + part)):
            frames.append(
                (1, ethernet(ipv4("1.1.1.1", "2.2.2.2", protocol, inner, offset=at, more=at < 2, ident=5)))
            )
    return frames


def packed_in_all_formats(records: list[Record], link: int) -> list[bytes]:
    """The same packets in classic, modified, IXIA's and pcapng captures of several byte orders."""
    plain = pcap_bytes(records, link=link, big=True, nanoseconds=True)
    ixia = struct.pack(">I", 0x1C0001AC) + plain[4:24] + struct.pack(">I", len(plain)) + plain[24:]
    modified = struct.pack("<I", 0xA1B2CD34) + pcap_bytes([], link=link)[4:]
    for record in records:
        size = len(record.data)
        modified += struct.pack("<IIII8x", record.time_us // 10**6, 1_200_000, size, size) + record.data
    ng = [ng_section(), ng_interface(link, resolution=0xBF, offset_s=T0 // 10**6)]
    for i, record in enumerate(records):
        if i % 3 == 2:
            ng.append(ng_block(3, struct.pack("<I", len(record.data)) + record.data))
        else:
            block = ng_packet(record.data, record.time_us)
            stated = struct.pack("<I", 32 + len(record.data))  # as programs do that do not count the padding
            ng.append(block[:4] + stated + block[8:-4] + stated if i % 3 else block)
    return [pcap_bytes(records, link=link), plain, ixia, modified, b"".join(ng)]


def seed_captures() -> list[bytes]:
    """Sound captures of all formats, small enough to be quick."""
    frames = seed_frames()
    seeds = [pcap_bytes(talk(T0 + 10_000_000 * i)) for i in range(16)]
    by_link: dict[int, list[bytes]] = {}
    for link, data in frames + encapsulated_frames():
        by_link.setdefault(link, []).append(data)
    for n, (link, bodies) in enumerate(sorted(by_link.items())):
        records = [Record(T0 + 700_000 * i, data) for i, data in enumerate(bodies)]
        for at in range(0, len(records), 12):
            variants = packed_in_all_formats(records[at : at + 12], link)
            seeds += (
                variants if at == 0 and link in (1, 105, 127) else [variants[n % 5], variants[at // 12 % 5]]
            )
    for big in (False, True):
        blocks = [
            ng_section(big=big),
            ng_interface(1, resolution=9, offset_s=3, big=big),
            ng_interface(113, resolution=0x94, big=big),
        ]
        blocks += [
            ng_packet(data, T0 + i, interface=int(link == 113), big=big)
            for i, (link, data) in enumerate(frames)
            if link in (1, 113)
        ]
        blocks += [
            ng_block(3, struct.pack((">" if big else "<") + "I", 60) + frames[0][1][:60], big=big),
            ng_section(big=big),
            ng_interface(101, big=big),
        ]
        seeds.append(b"".join(blocks))
    return seeds


def mutate(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """One to eight changes: bytes, words, cuts, copies, splices."""
    out = bytearray(data)
    for _ in range(1 + min(7, int(rng.expovariate(0.5)))):
        if not out:
            return bytes(out)
        at = rng.randrange(len(out))
        choice = rng.randrange(9)
        if choice == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif choice == 1:
            out[at] = rng.choice(INTERESTING)
        elif choice == 2:
            out[at : at + 4] = struct.pack(
                rng.choice("<>") + "I",
                rng.choice([0, 1, 12, 16, 0x7FFFFFFF, 0xFFFFFFFF, len(out), rng.getrandbits(32)]),
            )
        elif choice == 3:
            out[at : at + 2] = struct.pack(rng.choice("<>") + "H", rng.choice([*WORDS, rng.getrandbits(16)]))
        elif choice == 4:
            del out[at : at + rng.randrange(1, 40)]
        elif choice == 5:
            out[at:at] = out[rng.randrange(len(out)) :][: rng.randrange(1, 80)]
        elif choice == 6:
            del out[at:]
        elif choice == 7:
            start = rng.randrange(max(1, len(other)))
            out[at:at] = other[start : start + rng.randrange(1, 300)]
        else:
            out[at : at + 8] = rng.randbytes(8)
    return bytes(out)


PACKERS: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    (".gz", lambda data: gzip.compress(data, 1)),
    (".bz2", lambda data: bz2.compress(data, 1)),
    (".xz", lambda data: lzma.compress(data, preset=0)),
    (".zst", zstandard.compress),
    (".lz4", lambda data: pa.compress(data, codec="lz4", asbytes=True)),
)


def meter_one(path: Path, profile: str, *, keep_going: bool, in_small_steps: bool) -> None:
    """Meter a file; only a CaptureFault is an answer beside a result.

    in_small_steps: look for flows that need no memory every two packets, and find many: they go to disk and
    come back.
    """
    timeouts = {"flow_timeout_s": 0.5, "idle_timeout_s": 0.0} if in_small_steps else {}
    meter = Meter(path, profile, keep_going=keep_going, threads=1, with_digest=False, **timeouts)
    meter.sweeper.flows_in_memory = 1 if in_small_steps else FLOWS_IN_MEMORY
    try:
        with patch.object(blocks, "STEP_PACKETS", 2 if in_small_steps else blocks.STEP_PACKETS):
            for _ in meter.batches():
                pass
    except CaptureFault:
        pass


def mutants(count: int, seed: int) -> Iterator[bytes]:
    """Mutated captures, one in fifty of them compressed, most of these mutated once more."""
    rng = random.Random(seed)
    seeds = seed_captures()
    for _ in range(count):
        data = mutate(rng.choice(seeds), rng.choice(seeds), rng)
        if rng.random() < 0.02:
            packed = rng.choice(PACKERS)[1](data)
            data = mutate(packed, b"", rng) if rng.random() < 0.7 else packed
        yield data


def warm_up(path: Path) -> None:
    """Compile the kernels before the clock of the first capture runs, then set a limit to the address space."""
    for sound in seed_captures():
        path.write_bytes(sound)
        for name in PROFILES:
            meter_one(path, name, keep_going=True, in_small_steps=True)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (MEMORY_MB << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def fuzz(count: int, seed: int, path: Path) -> None:
    """Meter `count` mutated captures in this process; a failing one is left at the path.

    Raises
    ------
    BaseException
        Whatever a capture causes. A hang ends the process: SIGPROF is not caught, because compiled code would
        not notice.
    """
    warm_up(path)
    names = list(PROFILES)
    started = shown = time.monotonic()
    growth = Growth(MEMORY_MB)
    for i, data in enumerate(mutants(count, seed)):
        path.write_bytes(data)
        signal.setitimer(signal.ITIMER_PROF, HANG_S)
        meter_one(path, names[i % len(names)], keep_going=i % 8 >= 4, in_small_steps=i % 16 >= 8)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if i % 1000 == 0:
            in_use_mb = growth.look(i)
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                print(
                    f"{i:,} captures of seed {seed}, {i / (shown - started):,.0f}/s, {in_use_mb:.0f} MB in use",
                    flush=True,
                )
    path.unlink(missing_ok=True)


def finding_of(code: int) -> str:
    """What the end of a process means."""
    if code >= 0:
        return "an exception, see above"
    return (
        f"more than {HANG_S} s of processor time for one capture"
        if -code == signal.SIGPROF
        else f"a crash ({signal.Signals(-code).name})"
    )


def fuzz_in_processes(count: int, seed: int, folder: Path) -> int:
    """Meter `count` mutated captures, some thousands per process; returns how many findings there were, one
    per process at most.
    """
    findings = 0
    started = time.monotonic()
    for part in range(-(-count // PER_PROCESS)):
        n = min(PER_PROCESS, count - part * PER_PROCESS)
        path = folder / f"fuzz-{os.getpid()}-{seed}-{part}.pcap"
        command = [
            sys.executable,
            "-m",
            "tests.fuzz.fuzz_meter",
            "--count",
            str(n),
            "--seed",
            str(seed * 1000 + part),
            "--child",
            str(path),
        ]
        code = subprocess.run(command, check=False).returncode
        if code:
            findings += 1
            print(f"finding: {finding_of(code)}; the capture is {path}", file=sys.stderr)
    seconds = time.monotonic() - started
    print(
        f"{count:,} mutated captures, seed {seed}, {seconds:.0f} s: {findings or 'no'} finding{'s' * (findings > 1)}",
        flush=True,
    )
    return findings


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--folder", type=Path, default=Path("/dev/shm") if Path("/dev/shm").is_dir() else Path()
    )
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        fuzz(args.count, args.seed, args.child)
    else:
        sys.exit(1 if fuzz_in_processes(args.count, args.seed, args.folder) else 0)


if __name__ == "__main__":
    main()
