"""Before packets come that cannot wait: some flows are judged in a process of its own, so that all is compiled."""

from __future__ import annotations

import contextlib
import os
import pwd
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from iotids.flowmeter.kernels.machine_code import is_compiling

ROOT = Path(__file__).resolve().parents[3]
SYN, RST, ACK = 0x02, 0x04, 0x10
WORD = "compiling for this processor"  # in the note of a run that has to


def compile_first(package: Path, whom: tuple[int, int] = (-1, -1)) -> None:
    """Judge a made-up scan with a package, as the user whose machine code the run will load; without machine code some
    15 s, else one.

    What is said of compiling is passed on. A user without a home cannot keep machine code, and one who may not read this
    Python or the package makes none: then the run compiles, while packets come.

    Parameters
    ----------
    whom : user and group number, as `interface.whom_to_become` gives them
    """
    home = _home_of(whom[0])
    if not is_compiling() or not sys.executable or not Path(home).is_dir():
        return
    with contextlib.suppress(OSError), _detector(package, whom, home) as child:
        assert child.stdin is not None
        assert child.stderr is not None
        with child.stdin:
            child.stdin.write(scan())
        for line in child.stderr:
            if WORD.encode() in line:
                print(line.decode(errors="replace"), end="", file=sys.stderr, flush=True)


def _detector(package: Path, whom: tuple[int, int], home: str) -> subprocess.Popen[bytes]:
    """`iotids detect` on its standard input, as `whom`; verdicts go nowhere."""
    user, group = whom
    rights: dict[str, Any] = {"user": user, "group": group, "extra_groups": []} if user >= 0 else {}
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    return subprocess.Popen(
        [sys.executable, "-m", "iotids", "detect", "-", "-o", "-", "--model", str(package.resolve())],
        cwd="/",
        env={**os.environ, "HOME": home, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        **rights,
    )


def scan(ports: int = 256) -> bytes:
    """A capture of a scan, each port closed, between addresses kept for documents (RFC 5737): alarms for most detectors, so that reasons
    are compiled too, and flows enough for what is only counted from 200 on.
    """
    records = b""
    for port in range(1, ports + 1):
        scanner, victim = (bytes([192, 0, 2, 1]), 40_000), (bytes([192, 0, 2, 2]), port)
        records += _record(port, scanner, victim, SYN) + _record(port, victim, scanner, RST | ACK)
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + records


def _record(ms: int, source: tuple[bytes, int], target: tuple[bytes, int], flags: int) -> bytes:
    """A packet of TCP without a payload, Ethernet around it, as a pcap holds it."""
    segment = struct.pack(">HHIIBBHHH", source[1], target[1], 0, 0, 5 << 4, flags, 1024, 0, 0)
    packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, 6, 0) + source[0] + target[0]
    frame = bytes(12) + b"\x08\x00" + packet + segment
    return struct.pack("<IIII", 1, 1000 * ms, len(frame), len(frame)) + frame


def _home_of(user: int) -> str:
    """The home of a user, where machine code is kept; the present one's for -1 and a number without a name."""
    try:
        return pwd.getpwuid(user).pw_dir
    except (KeyError, OverflowError):
        return str(Path.home())
