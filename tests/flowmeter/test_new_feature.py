"""A new flow feature is four files: schema, a line of a kernel, the twin, the generated page. Done in a copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from iotids.flowmeter.kernels import columns, identity
from tests.packets import ACK, FIN, SYN, Record, ethernet, ipv4, tcp, write_pcap

ROOT = Path(__file__).parents[2]
# file, line to insert behind, inserted line
CHANGES = (
    (
        "iotids/flowmeter/columns/schema.py",
        "CORRECTED_EXTRAS: tuple[Column, ...] = (\n",
        '    Column("fwd_fin_flags", "", "int64", "packets", "forward packets with FIN"),\n',
    ),
    (
        "iotids/flowmeter/kernels/columns.py",
        '    ints[FEATURE.fwd_rst_flags, row] = fwd["rst"]\n',
        '    ints[FEATURE.fwd_fin_flags, row] = fwd["fin"]\n',
    ),
    (
        "tests/naive.py",
        "                fwd_rst_flags=fwd.rst,\n",
        "                fwd_fin_flags=fwd.fin,\n",
    ),
)
PAGE = "docs/features.md"


def run(folder: Path, *command: str, compiled: bool = False) -> str:
    """What a command in the copy prints."""
    environment = {
        **os.environ,
        "NUMBA_DISABLE_JIT": "0" if compiled else "1",
        "NUMBA_CACHE_DIR": str(folder / "cache"),
        "PYTHONPATH": str(folder),
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A copy of the project with one more feature."""
    for folder in ("iotids", "stages", "tests", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "pyproject.toml", tmp_path)
    for name, behind, line in CHANGES:
        path = tmp_path / name
        text = path.read_text(encoding="utf-8")
        assert text.count(behind) == 1
        path.write_text(text.replace(behind, behind + line), encoding="utf-8")
    page = run(tmp_path, "-m", "iotids.flowmeter.dictionary")
    assert "`fwd_fin_flags`" in page
    (tmp_path / PAGE).write_text(page, encoding="utf-8")
    return tmp_path


def closed_connection(path: Path) -> Path:
    """A capture in which the initiator sends two FINs."""
    there, back = ("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1")
    frames = [
        ipv4(*there, 6, tcp(1000, 80, flags=SYN, seq=1)),
        ipv4(*back, 6, tcp(80, 1000, flags=SYN | ACK, seq=9, ack=2)),
        ipv4(*there, 6, tcp(1000, 80, flags=FIN | ACK, seq=2, ack=10)),
        ipv4(*there, 6, tcp(1000, 80, flags=FIN | ACK, seq=2, ack=10)),
        ipv4(*back, 6, tcp(80, 1000, flags=FIN | ACK, seq=10, ack=3)),
    ]
    return write_pcap(path, [Record(10**15 + i, ethernet(frame)) for i, frame in enumerate(frames)])


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_new_feature_is_metered(changed: Path, compiled: bool) -> None:
    capture = closed_connection(changed / "c.pcap")
    for profile in ("clean", "corrected"):
        out = changed / f"{profile}.parquet"
        command = ("-m", "stages.meter", str(capture), "--profile", profile, "-o", str(out))
        run(changed, *command, compiled=compiled)
        assert pq.read_table(out).column("fwd_fin_flags").to_pylist() == [2]
    run(changed, "-m", "stages.meter", str(capture), "-o", str(changed / "flows.csv"), compiled=compiled)
    header, row = (changed / "flows.csv").read_text(encoding="utf-8").splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=True))["fwd_fin_flags"] == "2"


def test_a_new_feature_is_compared_with_the_twin_and_described(changed: Path) -> None:
    tests = [
        "tests/flowmeter/test_dictionary.py",
        "tests/flowmeter/test_twin.py",
        "tests/flowmeter/test_golden.py",
    ]
    chosen = "edge_cases or page or row or 84 or parse"
    run(changed, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow", "-k", chosen, *tests)


def test_a_feature_touches_at_most_four_files_and_one_line_of_a_kernel() -> None:
    assert len({name for name, _, _ in CHANGES} | {PAGE}) <= 4
    assert sum("kernels/" in name and line.count("\n") == 1 for name, _, line in CHANGES) == 1


def test_no_kernel_addresses_a_column_by_a_number() -> None:
    files = [Path(str(module.__file__)) for module in (columns, identity)]
    source = "".join(path.read_text(encoding="utf-8") for path in files)
    for memory in ("ints", "floats", "numbers", "ports", "texts", "offsets"):
        assert not [f"{memory}[{digit}" for digit in range(10) if f"{memory}[{digit}" in source]
