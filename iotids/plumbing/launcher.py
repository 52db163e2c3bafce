"""Write the command `iotids` into an environment that the project itself is not installed in.

`make setup` runs `python -m iotids.plumbing.launcher VENV`. The command works from any folder; in the root of a
copy of the project (a clone, a queued experiment) it runs that copy.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

SCRIPT = """#!/bin/sh
# The command of the project in {root}; in the root of another copy of the project, that copy's.
root={root}
if [ -f ./iotids/commands/__init__.py ] && [ -f ./dvc.yaml ]; then root=$PWD; fi
PYTHONPATH="$root${{PYTHONPATH:+:$PYTHONPATH}}" exec {python} -P -m iotids "$@"
"""


def launcher(root: Path, python: Path) -> str:
    """The script; -P keeps modules that lie in the working folder by chance out of the way."""
    return SCRIPT.format(root=shlex.quote(str(root)), python=shlex.quote(str(python)))


def main() -> None:
    """Write VENV/bin/iotids."""
    folder = Path(sys.argv[1]).absolute() / "bin"
    path = folder / "iotids"
    path.write_text(launcher(Path(__file__).resolve().parents[2], folder / "python"), encoding="utf-8")
    path.chmod(0o755)


if __name__ == "__main__":
    main()
