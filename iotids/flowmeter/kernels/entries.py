"""The kernels that Python calls. Names only: their files, which load the compiler, are read when there is no machine
code yet.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from iotids.flowmeter.kernels.machine_code import MachineCode, is_compiling


def kernel_named(module: str, name: str, room: str = "iotids.flowmeter.kernels") -> Callable[..., Any]:
    """A kernel of a file of this folder, or of another room."""
    module = f"{room}.{module}"
    if is_compiling():
        return MachineCode(module, name)
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


walk_pcap = kernel_named("records", "walk_pcap")
walk_pcapng = kernel_named("records", "walk_pcapng")
survey_frames = kernel_named("records", "survey_frames")
take_apart = kernel_named("radio", "take_apart")
decode_frames = kernel_named("decoding", "decode_frames")
describe_frames = kernel_named("describing", "describe_frames")
meter_packets = kernel_named("metering", "meter_packets")
spread_slots = kernel_named("finding", "spread_slots")
rehash_segments = kernel_named("segments", "rehash_segments")
silent_places = kernel_named("expiring", "silent_places")
emit_flows = kernel_named("expiring", "emit_flows")
release_flows = kernel_named("expiring", "release_flows")
late_places = kernel_named("spilling", "late_places")
spill_flows = kernel_named("spilling", "spill_flows")
count_segments = kernel_named("spilling", "count_segments")
unload_segments = kernel_named("spilling", "unload_segments")
read_entries = kernel_named("disk", "read_entries")
live_places = kernel_named("ordering", "live_places")
sort_words_of = kernel_named("ordering", "sort_words_of")
fill_rows = kernel_named("columns", "fill_rows")
fill_sequences = kernel_named("sequences", "fill_sequences")
follow_flows = kernel_named("kernel", "follow_flows", "iotids.flowmeter.context")
fill_words = kernel_named("kernel", "fill_words", "iotids.flowmeter.context")
