"""Compile kernels, and keep their machine code between runs until a file of this folder or the schema changes."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import config, njit

# nogil: reading, decoding, metering and writing run in threads; numpy errors: x/0 is inf or nan, as in Java;
# no fastmath, sums must match bit for bit
# no counting of references to arrays, with which metering takes 1.5 to 1.8 times as long: so kernels cannot
# allocate, callers hand them what they need
SCHEMA = Path(__file__).resolve().parents[1] / "schema.py"
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
kernel = njit(**OPTIONS)
inlined = njit(inline="always", **OPTIONS)


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel that Python calls; its machine code, with that of the kernels it calls, is kept on
    disk.

    numba discards what it kept when the file of this very function changes. Here the function's own file is
    not enough: a change in a kernel that it calls, in another file, must count too. So the stamp by which
    numba knows the file is replaced by one of all files, and of the schema, from which kernels have constants.
    """
    compiled: Any = njit(cache=True, **OPTIONS)(function)
    if not config.DISABLE_JIT:  # type: ignore[attr-defined]
        compiled._cache._cache_file._source_stamp = digest_of_kernels(
            Path(function.__code__.co_filename).parent
        )
    return compiled


@functools.cache
def digest_of_kernels(folder: Path) -> str:
    """SHA-256 over the Python files of a folder and the schema beside it."""
    digest = hashlib.sha256()
    for path in [*sorted(folder.glob("*.py")), SCHEMA]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
