"""Run a command as at a terminal (a pseudo-terminal) and give what it draws there."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from pathlib import Path

ROWS, COLUMNS = 24, 120


def on_terminal(
    command: list[str], folder: Path, environment: dict[str, str] | None = None
) -> tuple[int, str]:
    """Run a command whose three streams are a terminal of 120 columns; gives exit code and everything it
    wrote, `\\r` included.
    """
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    drawn = b"".join(iter(lambda: _read(controller), b""))
    os.close(controller)
    return process.wait(timeout=60), drawn.decode(errors="replace")


def _read(controller: int) -> bytes:
    """Read what is there; empty once every process has closed the terminal (Linux says that as an error)."""
    try:
        return os.read(controller, 65536)
    except OSError:
        return b""
