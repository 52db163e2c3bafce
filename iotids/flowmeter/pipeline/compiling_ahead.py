"""Compile the kernels that a capture needs last in processes of their own, while this one compiles those it needs first.

Half a minute on two cores instead of one, once for each checkout. `python -m iotids.flowmeter.pipeline.compiling_ahead PROFILE PART` is such a process.
"""

from __future__ import annotations

import atexit
import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iotids.flowmeter.kernels import layout
from iotids.flowmeter.kernels.entries import (
    decode_frames,
    emit_flows,
    fill_rows,
    meter_packets,
    sort_words_of,
)
from iotids.flowmeter.kernels.machine_code import is_compiling
from iotids.flowmeter.output.rows import RowBuilder
from iotids.flowmeter.pipeline.table import FlowTable
from iotids.flowmeter.pipeline.worker_threads import usable_cores
from iotids.flowmeter.profiles import profile_named, rules_of

if TYPE_CHECKING:
    import subprocess

PARTS: dict[str, tuple[Any, ...]] = {
    "flows": (meter_packets,),
    "rows": (fill_rows, sort_words_of, emit_flows),
}
ROOT = Path(__file__).resolve().parents[3]


def compiling_in_words(*others: Any) -> str:
    """What to say before a run that has to compile, as the first one of a checkout has; empty where there is machine code.

    Parameters
    ----------
    others : further kernels that the run calls, whatever the capture
    """
    needed: list[Any] = [decode_frames, *(kernel for part in PARTS.values() for kernel in part), *others]
    if not is_compiling() or all(kernel.is_on_disk() for kernel in needed):
        return ""
    return "compiling for this processor, once: up to half a minute"


@functools.cache
def compile_ahead(profile: str) -> None:
    """Begin to compile what has no machine code yet, where there are cores for it; kernels wait for what is under way."""
    if usable_cores() < 2 or not is_compiling() or not sys.executable:
        return
    for part, kernels in PARTS.items():
        if not all(kernel.is_on_disk() for kernel in kernels):
            process = _begin(profile, part)
            for kernel in kernels:
                kernel.under_way = process


def _begin(profile: str, part: str) -> subprocess.Popen[bytes]:
    """A process that compiles a part; it ends with this one."""
    import subprocess  # of which a capture with compiled kernels needs nothing

    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, profile, part],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    atexit.register(process.kill)
    return process


def compile_part(profile: str, part: str) -> None:
    """Call the kernels of a part with no packets or with flows that mean nothing: it is their types that count."""
    kept = profile_named(profile)
    table = FlowTable(rules_of(kept))
    if part == "flows":
        table.meter(np.zeros(1, layout.PACKET), 0, 0, np.zeros(1, np.int64))
        return
    keys, flows = np.zeros(1, layout.KEY), np.zeros(1, layout.FLOW)
    RowBuilder("", kept, rows=1024).add(keys, flows, np.zeros((1, layout.SEQUENCE_CELLS), np.int32))
    list(table._emit_in_order(np.zeros(1, np.int32)))
    list(table.finish())


if __name__ == "__main__":
    compile_part(*sys.argv[1:])
