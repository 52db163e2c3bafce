"""A network interface: tcpdump captures as a child, and this process reads what it writes, never as root where it
knows whom else to be.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from typing import Any

from iotids.counted import counted
from iotids.detecting.running.stop import Stop
from iotids.flowmeter.live import LiveMeter
from iotids.flowmeter.reading.standard_input import LOOK_S

BUFFER_KIB = 65_536  # of the kernel: half a second of a full gigabit while flows are judged
UNPRIVILEGED = ("tcpdump", "nobody")  # whom tcpdump becomes once the interface is open, the first that exists
END_S = 5.0  # for tcpdump to write its last packets
INSTEAD = "or pipe packets in: dumpcap -i NAME -P -w - | iotids detect -"


class Interface:
    """Packets of an interface from now on, judged as they arrive, until a signal comes.

    Parameters
    ----------
    name : str
        As `tcpdump -D` lists it; `any` is all of them.
    settings : mapping
        Section `meter` of package.json.
    whom : user and group number that tcpdump becomes, as `whom_to_become` gives them.

    Raises
    ------
    ValueError
        tcpdump is not installed, or cannot capture there; the message holds its own words.
    """

    packets_before = 0

    def __init__(
        self, name: str, settings: Mapping[str, Any], stop: Stop, whom: tuple[int, int] = (-1, -1)
    ) -> None:
        self.path, self._settings, self._stop = name, settings, stop
        self._child = subprocess.Popen(
            capture_command(name, whom),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C comes to this process, which ends the child after its last packet
        )
        self._wait_until_it_listens()

    def open(self) -> LiveMeter:
        """The flow meter of what arrives."""
        arrival = ArrivingFromChild(self._child, self._stop)
        return LiveMeter(
            **self._settings, stopped=self._stop.asked, arrival=arrival, path=self.path, name=self.path
        )

    def close(self, ledger: Mapping[str, Any]) -> str:
        """What was wrong: packets that the kernel dropped, or an end that nobody asked for."""
        said = self._end_child()
        if not self._stop.signal:
            return (
                f"capture on {self.path} ended: {said[-1] if said else f'exit code {self._child.returncode}'}"
            )
        dropped = [int(n) for line in said for n in re.findall(r"^(\d+) packets? dropped", line)]
        if sum(dropped):
            return f"{counted(sum(dropped), 'packet')} dropped before they could be read: the machine is too slow for {self.path}"
        return ""

    def _wait_until_it_listens(self) -> None:
        """Read what tcpdump says first; ValueError when it ends instead."""
        assert self._child.stderr is not None
        said: list[str] = []
        for line in self._child.stderr:
            if b"listening on" in line:
                return
            said.append(line.decode(errors="replace").strip())
        self._child.wait()
        why = said[-1] if said else f"exit code {self._child.returncode}"
        raise ValueError(
            f"{self.path}: cannot be captured on ({why}); `tcpdump -D` lists interfaces, {INSTEAD}"
        )

    def _end_child(self) -> list[str]:
        """End tcpdump if it still runs; gives the last lines that it said."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)
        try:
            _, said = self._child.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            _, said = self._child.communicate()
        return said.decode(errors="replace").splitlines()


class ArrivingFromChild:
    """What the child writes; once a stop is asked for the child is ended, and the rest of it is read."""

    def __init__(self, child: subprocess.Popen[bytes], stop: Stop) -> None:
        assert child.stdout is not None
        self._child, self._stop, self._number = child, stop, child.stdout.fileno()
        self._ended = False

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        self._wait()
        return os.read(self._number, size)

    def readinto(self, target: memoryview, /) -> int:
        """Fill the target with what is there; 0 at the end."""
        self._wait()
        return os.readv(self._number, [target])

    def has_more(self) -> bool:
        """Whether a read would give something at once."""
        return bool(select.select([self._number], [], [], 0)[0])

    def _wait(self) -> None:
        """Wait for bytes or the end; pass a stop on to the child, once."""
        while True:
            if self._stop.asked() and not self._ended:
                self._ended = True
                if self._child.poll() is None:
                    self._child.send_signal(signal.SIGINT)
            if select.select([self._number], [], [], LOOK_S)[0]:
                return


def check_interface(name: str) -> None:
    """Refuse an interface that is not there; those that tcpdump makes itself (`any`, `nflog`, numbers) are.

    Raises
    ------
    ValueError
        The message names those that there are.
    """
    there = [known for _, known in socket.if_nameindex()]
    program = shutil.which("tcpdump")
    listed = subprocess.run([program, "-D"], capture_output=True, text=True).stdout if program else ""
    made = re.findall(r"^(\d+)\.(\S+)", listed, re.MULTILINE)
    if program and name not in {*there, "any", *(word for words in made for word in words)}:
        raise ValueError(f"--interface {name}: there is no such interface; there are {', '.join(there)}, any")


def capture_command(name: str, whom: tuple[int, int] = (-1, -1)) -> list[str]:
    """tcpdump on an interface, packets to standard output as they come; as root it gives up its rights at once and becomes
    `whom`, as this process does too (`give_up_root`), which may end only its own.

    Raises
    ------
    ValueError
        tcpdump is not installed.
    """
    program = shutil.which("tcpdump")
    if program is None:
        raise ValueError(
            f"tcpdump is not installed, so --interface {name} cannot be read: install it, {INSTEAD}"
        )
    words = [program, "-i", name, "-B", str(BUFFER_KIB), "-U", "-w", "-"]
    if os.geteuid() != 0:
        return words
    by_number = {user.pw_uid: user.pw_name for user in pwd.getpwall()}
    caller = by_number.get(whom[0], "")
    return [
        *words,
        "-Z",
        next(name for name in (caller, *UNPRIVILEGED, "root") if name in by_number.values()),
    ]


def sudo_caller() -> tuple[int, int]:
    """User and group number of who called sudo; -1 where nobody did, or root."""
    user, group = (os.environ.get(name, "") for name in ("SUDO_UID", "SUDO_GID"))
    return (int(user), int(group)) if user.isdigit() and group.isdigit() and int(user) else (-1, -1)


def whom_to_become(user: str | None) -> tuple[int, int]:
    """User and group number to parse packets as: `user`, or who called sudo; -1 where this process is not root.

    Raises
    ------
    ValueError
        Root, and nobody else to become: packets of strangers are never parsed as root.
    """
    if os.geteuid() != 0:
        return -1, -1
    if user is None:
        if sudo_caller()[0] > 0:
            return sudo_caller()
        raise ValueError(
            "packets are not parsed as root: call it by sudo from your own account, or name an account that may write the "
            "verdicts: --user NAME"
        )
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise ValueError(f"--user {user}: there is no such account") from None
    if found.pw_uid == 0:
        raise ValueError(f"--user {user}: that is root again; name an account without its rights")
    return found.pw_uid, found.pw_gid


def give_up_root(whom: tuple[int, int]) -> None:
    """Go on as another user, for good; -1 stays.

    Call it once the interface is open: packets are parsed by this process.
    """
    user, group = whom
    if user < 0:
        return
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
    with contextlib.suppress(KeyError):  # a number without a name keeps the home that it was given
        os.environ["HOME"] = pwd.getpwuid(user).pw_dir  # machine code is kept there, not in root's
