"""Mutate connection logs, flow tables, rule files, display filters and capture filters: a result or an error that a
user can act on, no hang, no runaway memory.

python -m tests.fuzz.fuzz_truth --count 100000        (of each kind; --kinds rules bpf for some; a failing input is
kept and named). Anything but a result or a ValueError of one bounded message is a finding; results are looked at too:
every row of a table is a flow or set aside, every flow of a log has a verdict, a filter answers for every packet.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from iotids.truth.filters.bpf_filter import parse_bpf
from iotids.truth.filters.display_filter import parse_filter
from iotids.truth.filters.matching import match_packets
from iotids.truth.formats.label_table import read_label_table
from iotids.truth.formats.packet_filters import read_filter_table
from iotids.truth.formats.rule_labels import book_packets, label_by_rules
from iotids.truth.formats.rules import read_rules
from iotids.truth.formats.zeek_join import label_by_connections
from iotids.truth.formats.zeek_log import read_connections
from iotids.truth.imports.cic_tables import How, import_table
from iotids.truth.labelling.truth_files import read_text, table_labels
from tests.fuzz.fuzz_meter import mutate
from tests.fuzz.growth import Growth
from tests.truth.tables import SYN, arp, flow, flows, icmp, packets, tcp, udp
from tests.truth.test_cic_tables import V3, row
from tests.truth.test_display_filter import TALK6
from tests.truth.test_filter_twin import TESTS
from tests.truth.test_table_variants import VARIANTS
from tests.truth.test_zeek_copies import CONNECTION, COPIES

HANG_S = 10  # of processor time; an input takes milliseconds
MEMORY_MB = 1_500  # above what is in use after warming up
PER_PROCESS = 50_000
MAX_MESSAGE = 2_000
CLASSES = table_labels()
FLOWS = flows(*CONNECTION, flow("2001:db8::1", 40001, "2001:db8::2", 53, start_us=1600000061_000000))
# fmt: off
WORDS = [b"and", b"or", b"not", b"!", b"(", b")", b"{", b"}", b"==", b"!=", b"in", b"..", b"&", b"net", b"host", b"port",
         b"2001:db8::/32", b"10.0.0.0/8", b"tcp.port", b"ipv6.addr", b"NaN", b"-inf", b"1e308", b"9" * 30, b"\t", b"   ",
         b"\n", b"\r\n", b"\x00", b"\xff", b'"', b"'", b",", b";", b"|", b": ", b"- ", b"&a ", b"*a", b"[", b"]", b"#",
         b"#fields\t", b"-", b"(empty)", b"Malicious", b"0x", b"\xe2\x88\x9e", b"13/25/2017 1:00", b"1500022501", b"sep=;"]
# fmt: on
RULES = [
    "default: BENIGN\nrules:\n  - label: SCANNING\n    captures: 'scan[1]*.pcap'\n    host: [192.168.1.50, 2001:db8::/32]\n"
    "    from: 2026-05-03T20:00:00Z\n    until: 2026-05-03T20:10:00Z\n  - label: DOS\n    match: every\n    filter: tcp.flags & 0x3f == 2\n",
    "rules: [{label: A, port: 20-25 80, protocol: tcp udp}, {label: B, mac: '02:00:00:00:00:01', bpf: ip6 and not port 23}]",
    "rules:\n- &a {label: A, name: x, sublabel: y}\n- *a\n- {label: C, filter: 'ip.addr == 10.0.0.0/8 and (udp or icmpv6.type == 135)'}\n",
]
CSV_RULES = "label,sublabel,port,host,filter,match\nDOS,x,554,,tcp.flags == 0x02,every\nBENIGN,,,,,\n"
FILTER_TABLE = 'No,File Name,Category,Sub-category,Rule\n2,a.pcap,Scanning,x,"tcp.port in {1, 2}"\n'
LABEL_TABLE = "file,environment,group,class,activity,rule\na.pcap,home,1,DOS,flood,\nb.pcap,home,2,BENIGN,,tcp.port == 23\n"
CAPTURE_FILTERS = [
    "tcp dst port 23 and not src net 10.0.0.0/8",
    "ip6 host 2001:db8::1 or port 80 or 443",
    "not (udp or icmp6) and src or dst net 192.168 and less 100",
    "ether host 02:00:00:00:00:09 or arp or ip proto tcp or portrange 20-25",
    "net 10.0.0.0 mask 255.0.0.0 && ! sctp port 9 || greater 60",
]
PACKETS = [
    packets(
        tcp("10.0.0.1", "10.0.0.2", 1000, 23, SYN, flow_number=0),
        udp("2001:db8::9", "2001:db8::2", 7, 23, flow_number=1),
        icmp("fe80::1", "ff02::1", 135, flow_number=2),
        arp("02:00:00:00:00:09", "00:00:00:00:00:00", "10.0.0.9", "10.0.0.1"),
    )
]


def narrow(text: str) -> str:
    """A table of some columns, which is quicker than one of all."""
    return "\n".join(",".join(line.split(",")[5:24]) for line in text.splitlines()) + "\n"


def table_seeds() -> list[bytes]:
    """Tables in every way of writing them, most of them narrow."""
    rows = [row(), row(**{"Flow Bytes/s": "Infinity", "Timestamp": "3/7/2017 1:05"})]
    plain = "\n".join([",".join(rows[0]), *(",".join(map(str, one.values())) for one in rows)])
    wide = [*VARIANTS.values(), ",".join(V3) + "\n" + ",".join("1" for _ in V3)]
    # fmt: off
    return [narrow(plain).encode(), narrow(VARIANTS["old line ends"]).encode(), narrow(VARIANTS["thousands"]).encode()] * len(wide) + [
        text.encode() for text in wide
    ]
    # fmt: on


def check_zeek(path: Path) -> None:
    """Read a log and label three flows by it."""
    labels = label_by_connections(
        "a.pcap", "g", FLOWS, read_connections(path), malicious="MIRAI", background="", tolerance_us=1_000_000
    )
    assert len(labels.codes) == 3
    assert labels.codes.max() < len(labels.verdicts)


def check_table(path: Path) -> None:
    """Import a table; no row may be lost."""
    imported = import_table(path, How("fuzz", CLASSES, fill_missing=True))
    assert imported.flows.num_rows + imported.broken.num_rows or any(
        notice.name == "no_rows" for notice in imported.notices
    )


def check_rules(path: Path) -> None:
    """Read a file as each kind of rules, and label three flows by it."""
    text = read_text(path)
    for name in ("rules.yaml", "rules.csv"):
        found = _or_none(lambda name=name: read_rules(text, name))
        if found:
            rules = [rule for rule in found[0] if rule.applies_to("day1/scan[1].pcap.zst")]
            bookings = book_packets(rules, PACKETS)
            labels = label_by_rules(
                "a.pcap", "g", FLOWS["flow_number"].to_numpy(), rules, bookings, default=None
            )
            assert len(labels.codes) == 3
    _or_none(lambda: read_filter_table(text, {"Scanning": "SCANNING"}, "t.csv"))
    _or_none(lambda: read_label_table(text, "l.csv"))


def check_filter(path: Path) -> None:
    """Read a display filter and ask it about some packets."""
    assert len(match_packets(parse_filter(path.read_bytes().decode("utf-8", "replace")), TALK6)) == 5


def check_bpf(path: Path) -> None:
    """Read a capture filter and ask it about some packets."""
    assert len(match_packets(parse_bpf(path.read_bytes().decode("utf-8", "replace")), TALK6)) == 5


def _or_none(read: Callable[[], object]) -> object:
    """Read, or give nothing for an error with a message."""
    try:
        return read()
    except ValueError as error:
        _check_message(error)
        return None


def _check_message(error: ValueError) -> None:
    """An error is a message of bounded length."""
    assert 0 < len(str(error)) < MAX_MESSAGE, f"a message of {len(str(error))} characters"


SEEDS: dict[str, tuple[list[bytes], Callable[[Path], None]]] = {
    "zeek": ([text.encode() for text in COPIES.values() if len(text) < 20_000], check_zeek),
    "table": (table_seeds(), check_table),
    "rules": ([text.encode() for text in (*RULES, CSV_RULES, FILTER_TABLE, LABEL_TABLE)], check_rules),
    "filter": ([" and ".join(TESTS[i : i + 3]).encode() for i in range(len(TESTS))], check_filter),
    "bpf": ([text.encode() for text in CAPTURE_FILTERS], check_bpf),
}


def mutant(seeds: list[bytes], rng: random.Random) -> bytes:
    """One input: bytes changed as in captures, words of the languages put in, lines doubled; one in fifty packed."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(data) + 1)
        data[at : at + rng.randrange(4)] = rng.choice(WORDS) * (
            1 if rng.random() < 0.98 else rng.randrange(2000)
        )
    if rng.random() < 0.5:
        data = bytearray(mutate(bytes(data), rng.choice(seeds), rng))
    if rng.random() < 0.1:
        lines = bytes(data).splitlines(keepends=True)
        rng.shuffle(lines)
        data = bytearray(b"".join(lines * rng.randrange(1, 4)))
    if rng.random() < 0.02:
        packed = gzip.compress(bytes(data), 1)
        return mutate(packed, b"", rng) if rng.random() < 0.5 else packed
    return bytes(data)


def fuzz(kind: str, count: int, seed: int, path: Path) -> None:
    """Check `count` inputs in this process; a failing one is left at the path."""
    rng = random.Random(f"{kind} {seed}")
    seeds, check = SEEDS[kind]
    for sound in seeds:
        path.write_bytes(sound)
        _or_none(lambda: check(path))
    growth = Growth(MEMORY_MB)
    for i in range(count):
        path.write_bytes(mutant(seeds, rng))
        signal.setitimer(signal.ITIMER_PROF, HANG_S)
        _or_none(lambda: check(path))
        signal.setitimer(signal.ITIMER_PROF, 0)
        if i % 1000 == 0:
            growth.look(i)
    path.unlink(missing_ok=True)


def fuzz_in_processes(kind: str, count: int, seed: int, folder: Path) -> int:
    """Check `count` inputs of a kind, some thousands per process; returns how many processes found something."""
    findings, started = 0, time.monotonic()
    for part in range(-(-count // PER_PROCESS)):
        n = min(PER_PROCESS, count - part * PER_PROCESS)
        path = folder / f"fuzz-{kind}-{os.getpid()}-{seed}-{part}"
        options = [
            "--count",
            str(n),
            "--seed",
            str(seed * 1000 + part),
            "--kinds",
            kind,
            "--child",
            str(path),
        ]
        code = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.fuzz_truth", *options], check=False
        ).returncode
        if code:
            findings += 1
            what = f"signal {-code}: a hang or a crash" if code < 0 else "an exception, see above"
            print(f"finding: {what}; the input is {path}", file=sys.stderr)
    seconds = time.monotonic() - started
    print(
        f"{kind}: {count:,} inputs, seed {seed}, {seconds:.0f} s: {findings or 'no'} finding{'s' * (findings > 1)}",
        flush=True,
    )
    return findings


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=2_000, help="inputs of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", choices=list(SEEDS), default=list(SEEDS))
    shared = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path()
    parser.add_argument("--folder", type=Path, default=shared)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        fuzz(args.kinds[0], args.count, args.seed, args.child)
    else:
        sys.exit(
            1
            if sum(fuzz_in_processes(kind, args.count, args.seed, args.folder) for kind in args.kinds)
            else 0
        )


if __name__ == "__main__":
    main()
