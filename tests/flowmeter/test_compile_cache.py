"""Machine code kept from an earlier run is used again, without the compiler, but not after a change in any file of
kernels.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from iotids.flowmeter.kernels import compiling, entries, layout
from iotids.flowmeter.kernels.machine_code import MachineCode
from iotids.flowmeter.pipeline.compiling_ahead import compiling_in_words
from iotids.flowmeter.pipeline.table import FlowTable
from iotids.flowmeter.pipeline.worker_threads import usable_cores
from iotids.flowmeter.profiles import profile_named, rules_of
from tests.bench.capture import write_capture

ROOM = Path(__file__).parents[2] / "iotids" / "flowmeter"
# rehash_segments (segments.py) calls bucket_of (segments.py), which calls mix (hashing.py)
RUN = """
import numpy as np
from iotids.flowmeter.kernels.bundles import Segments
from iotids.flowmeter.kernels.layout import N_COUNTERS, SEGMENT
from iotids.flowmeter.kernels.segments import rehash_segments
buckets, pool = np.full(1024, -1, np.int32), np.zeros(1, SEGMENT)
pool["seq_ack"] = 12345
segments = Segments(buckets, pool, np.zeros(1, np.int32), np.arange(12) + 1, np.zeros(N_COUNTERS, np.int64))
rehash_segments(segments, np.ones(1, np.bool_))
print(buckets.argmax(), rehash_segments.loaded)
"""


def run(folder: Path, *, cache: str = "cache", before: str = "", **variables: str) -> tuple[int, int]:
    """Bucket of a segment, and how many kernels came from the cache: a folder, or '' for the usual places."""
    named = str(folder / cache) if cache else ""
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": named, **variables}
    command = [sys.executable, "-c", before + RUN]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    bucket, hits = done.stdout.split()
    return int(bucket), int(hits)


def copied(folder: Path) -> Path:
    """The kernels and the schema in a folder of their own."""
    room = folder / "iotids" / "flowmeter"
    shutil.copytree(ROOM / "kernels", room / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOM / "columns", room / "columns", ignore=shutil.ignore_patterns("__pycache__"))
    return room


def test_a_change_in_a_called_kernel_s_file_discards_the_machine_code_of_its_callers(tmp_path: Path) -> None:
    room = copied(tmp_path)
    bucket, hits = run(tmp_path)
    assert hits == 0
    assert run(tmp_path) == (bucket, 1)
    path = room / "kernels" / "hashing.py"
    text = path.read_text(encoding="utf-8")
    assert "x >> 29" in text
    path.write_text(text.replace("x >> 29", "x >> 30"), encoding="utf-8")
    other, hits = run(tmp_path)
    assert hits == 0
    assert other != bucket


def test_a_change_in_the_schema_discards_it_too(tmp_path: Path) -> None:
    room = copied(tmp_path)
    bucket, _ = run(tmp_path)
    schema = room / "columns" / "schema.py"
    schema.write_text(schema.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert run(tmp_path) == (bucket, 0)


def test_a_file_that_is_damaged_or_cut_short_is_compiled_again(tmp_path: Path) -> None:
    copied(tmp_path)
    bucket, _ = run(tmp_path)
    (file,) = (tmp_path / "cache").rglob("segments.rehash_segments-*.code")
    whole = file.read_bytes()
    for damaged in (whole[:-9], whole[:100] + bytes([whole[100] ^ 1]) + whole[101:], b""):
        file.write_bytes(damaged)
        assert run(tmp_path) == (bucket, 0)
        assert file.read_bytes() != damaged
    assert run(tmp_path) == (bucket, 1)


def test_where_no_cache_can_be_written_kernels_run_all_the_same(tmp_path: Path) -> None:
    copied(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    bucket, _ = run(tmp_path)
    assert run(tmp_path, cache="file") == (bucket, 0)


def test_who_may_not_write_beside_the_kernels_uses_what_lies_there(tmp_path: Path) -> None:
    copied(tmp_path)
    bucket, hits = run(tmp_path, cache="")
    assert hits == 0
    may_not_write = "import os\nos.access = lambda *_: False\n"  # root may always
    home = str(tmp_path / "home")
    assert run(tmp_path, cache="", before=may_not_write, XDG_CACHE_HOME=home) == (bucket, 1)
    assert not Path(home).exists()


def test_files_of_older_kernels_are_removed(tmp_path: Path) -> None:
    room = copied(tmp_path)
    run(tmp_path)
    (before,) = (tmp_path / "cache").rglob("*.code")
    schema = room / "columns" / "schema.py"
    schema.write_text(schema.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    run(tmp_path)
    (after,) = (tmp_path / "cache").rglob("*.code")
    assert after.name != before.name


@pytest.mark.parametrize("columns", [(), ("sequence", "context")])
def test_a_capture_is_metered_without_the_compiler_once_there_is_machine_code(
    tmp_path: Path, columns: tuple[str, ...]
) -> None:
    write_capture(tmp_path / "a.pcap", flows=20)
    command = f"""
import sys
from iotids.flowmeter.flows import flows_from_capture
assert flows_from_capture({str(tmp_path / "a.pcap")!r}, columns={columns}).num_rows
print(*(name for name in ("numba", "pandas", "pyarrow.compute", "tqdm", "scipy") if name in sys.modules))
"""
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", command], cwd=ROOM.parents[1], capture_output=True, text=True, check=True
        )
    assert done.stdout.split() == []


@pytest.mark.slow
@pytest.mark.skipif(usable_cores() < 2, reason="nothing is compiled beside the meter on one core")
def test_what_other_processes_compile_beside_the_meter_is_what_it_needs(tmp_path: Path) -> None:
    write_capture(tmp_path / "a.pcap", flows=20)
    command = f"""
from iotids.flowmeter.flows import flows_from_capture
from iotids.flowmeter.kernels.entries import *
assert flows_from_capture({str(tmp_path / "a.pcap")!r}).num_rows
print([(kernel.compiled, kernel.loaded) for kernel in (decode_frames, meter_packets, fill_rows, sort_words_of, emit_flows)])
"""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=ROOM.parents[1],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[(1, 0), (0, 1), (0, 1), (0, 1), (0, 1)]"


@pytest.mark.parametrize(
    "name", [name for name, value in vars(entries).items() if isinstance(value, MachineCode)]
)
def test_every_entry_names_a_kernel_that_python_may_call(name: str) -> None:
    found = getattr(import_module(getattr(entries, name).module), name)
    assert isinstance(found, MachineCode)
    assert found.name == name


def test_arrays_with_gaps_and_words_of_any_width_count_as_what_they_are() -> None:
    spread = np.arange(20, dtype=np.int64)[::2]
    assert not spread.flags.c_contiguous
    due, bodies = spread, np.zeros(10, layout.FLOW)
    bodies["last"] = spread
    silent, numbers = np.empty(10, np.int64), np.empty(10, np.int64)
    n = entries.silent_places(due, bodies, np.int32(15), True, silent, numbers)
    assert silent[:n].tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_kernels_take_numbers_only() -> None:
    due, bodies = np.zeros(1, np.int64), np.zeros(1, layout.FLOW)
    silent, numbers = np.empty(1, np.int64), np.empty(1, np.int64)
    for wrong in ("3", None, [1]):
        with pytest.raises(TypeError):
            entries.silent_places(due, bodies, wrong, 0, silent, numbers)


@compiling.entry
def weigh(a, weight, values, n, other, total):
    """A kernel with fractions among whole numbers and arrays."""
    total[0] = a + weight * values[n] - other


def test_fractions_arrive_at_their_places() -> None:
    total = np.zeros(1)
    weigh(7, 0.5, np.array([3.0, 9.0]), 1, np.float64(0.25), total)
    assert total[0] == 7 + 0.5 * 9 - 0.25


def test_kernels_see_a_table_s_memory_where_it_lies_now() -> None:
    table = FlowTable(rules_of(profile_named("clean")), flows=2)
    assert table.view is table.view
    slots, places = len(table.view.slots), len(table.view.keys)
    table.grow_slots()
    table.grow_places()
    assert (len(table.view.slots), len(table.view.keys)) == (2 * slots, 2 * places)
    assert len(table.view.due) == len(table.view.free) == 2 * places
    table.counters[layout.FINISHED] = 1
    table.flush()
    assert table.view.over is table.over


@pytest.mark.slow  # compiles the flow meter
def test_a_run_that_compiles_says_so_before_it_begins_and_the_next_one_does_not(tmp_path: Path) -> None:
    write_capture(tmp_path / "a.pcap", flows=3)
    command = [sys.executable, "-m", "iotids", "meter", "a.pcap", "-o", "f.csv"]
    variables = {**os.environ, "PYTHONPATH": str(ROOM.parents[1]), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    said = [
        subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True).stderr
        for _ in range(2)
    ]
    assert said[0].startswith("note: compiling for this processor, once")
    assert "compiling" not in said[1]


def test_what_runs_without_the_compiler_has_nothing_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert compiling_in_words() == ""
