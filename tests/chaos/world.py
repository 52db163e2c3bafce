"""A small project folder to break things in: captures, parameters, a package, run folders; and the commands that work in it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "D1"


@dataclass(frozen=True)
class Command:
    """A command of the project, run in a world.

    Attributes
    ----------
    outputs
        Files whose bytes are the same in every undisturbed run.
    other
        Files that are written too, but hold times or measured figures.
    stops_cleanly
        SIGTERM and SIGINT end it early with valid, shorter files: they are no faults.
    """

    name: str
    words: tuple[str, ...]
    outputs: tuple[str, ...]
    other: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    stops_cleanly: bool = False
    environment: dict[str, str] = field(default_factory=dict)


FLOWS, LABELLED = f"out/flows/{SOURCE}.parquet", f"out/labelled/{SOURCE}"
METER = Command(
    "meter",
    ("-m", "stages.meter", "--source", SOURCE, "--out", FLOWS, "--ledger", f"out/flows/{SOURCE}.ledger.json"),
    (FLOWS, f"out/flows/{SOURCE}.ledger.json"),
)
LABEL = Command(
    "label",
    (
        "-m",
        "stages.label",
        "--source",
        SOURCE,
        "--flows",
        FLOWS,
        "--out",
        f"{LABELLED}.parquet",
        "--summary",
        f"{LABELLED}.json",
    ),
    (f"{LABELLED}.parquet", f"{LABELLED}.apart.parquet", f"{LABELLED}.json"),
    needs=(FLOWS,),
)
DETECT = Command(
    "detect",
    (
        "-m",
        "stages.detect",
        "busy.pcap",
        "--model",
        "lab",
        "-o",
        "out/verdicts.parquet",
        "--report",
        "out/page.html",
    ),
    ("out/verdicts.parquet",),
    other=("out/page.html", "out/verdicts.parquet.summary.json"),
    stops_cleanly=True,
)
CALIBRATE = Command(
    "calibrate",
    (
        "-m",
        "stages.detect",
        "--calibrate",
        "benign.pcap",
        "--model",
        "lab",
        "--max-alarms-per-day",
        "10",
        "-o",
        "out/site.json",
    ),
    ("out/site.json",),
    stops_cleanly=True,
)
COMMANDS = (METER, LABEL, DETECT, CALIBRATE)


def build(folder: Path) -> Path:
    """Write the world: parameters of the smoke preset, the sample's captures, a trained package, two captures to judge."""
    from iotids.plumbing.params import compose
    from tests.detecting.lab import benign_records, flood_records, make_package, scan_records
    from tests.packets import write_pcap

    if not (ROOT / "data" / "sample").is_dir():
        raise FileNotFoundError(f"{ROOT / 'data' / 'sample'}: not there; get it with `make data`")
    folder.mkdir(parents=True)
    (folder / "data").symlink_to(ROOT / "data")
    compose(["preset=smoke"], folder / "params.yaml", ROOT / "conf")
    make_package(folder / "lab")
    shutil.rmtree(folder / "lab-captures")
    mixed = (
        benign_records(flows=6000, seed=1)
        + flood_records(flows=20_000, seed=2)
        + scan_records(flows=8000, seed=3)
    )
    write_pcap(folder / "busy.pcap", sorted(mixed, key=lambda record: record.time_us))
    write_pcap(folder / "benign.pcap", benign_records(flows=6000, seed=4))
    return folder


def copy(world: Path, folder: Path) -> Path:
    """A world of the same content; captures and the package are links, what is written is not."""
    folder.mkdir(parents=True)
    for entry in world.iterdir():
        if entry.name == "out":
            shutil.copytree(entry, folder / "out")
        elif entry.name == "params.yaml":
            shutil.copy(entry, folder / entry.name)
        elif entry.name != "tmp":
            (folder / entry.name).symlink_to(entry.resolve())
    (folder / "tmp").mkdir()
    return folder


def environment(folder: Path, command: Command) -> dict[str, str]:
    """What the command sees: this checkout's code, the world as workspace and as place of temporary files."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_", "DASK_"))
    }
    own = {
        "PYTHONPATH": str(ROOT),
        "DVC_ROOT": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    return {**kept, **own, "MLFLOW_DISABLE_TELEMETRY": "true", **command.environment}


def start(folder: Path, command: Command, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start the command in a process group of its own; what it says goes to `said` in the world's temporary parent."""
    said = (folder.parent / f"{folder.name}.said").open("w", encoding="utf-8")
    return subprocess.Popen(
        [*prefix, sys.executable, *command.words],
        cwd=folder,
        env=environment(folder, command),
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )


def said(folder: Path) -> str:
    """What the last command in this world printed."""
    return (folder.parent / f"{folder.name}.said").read_text(encoding="utf-8", errors="replace")


def digests(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of those files that are there."""
    return {name: _digest(folder / name) for name in names if (folder / name).is_file()}


def _digest(path: Path) -> str:
    """SHA-256 of one file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files(folder: Path) -> set[str]:
    """Every file below the folder that is no link and not below one."""
    return {
        str(Path(base, name).relative_to(folder))
        for base, _, names in os.walk(folder)
        for name in names
        if not Path(base, name).is_symlink()
    }
