"""Peak memory and time of every stage from the dataset on, in a folder where `make` or `make paper-size` has ended.

    python -m tests.bench.bench_peaks paper-size                                 # every stage and model, one after the other
    python -m tests.bench.bench_peaks paper-size --only final network-multiclass-dl4 --epochs 1

Prints one line per stage. `own` is the largest sum over the stage's processes of memory that only swapping could free
(RssAnon, and shared memory once); `process` is the largest VmHWM of one of them, which counts mapped files too. Memory
is looked at four times a second; what lasts shorter is missed by `own`, not by `process`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

PERIOD_S = 0.25


def commands(folder: Path, params: dict) -> dict[str, list[str]]:
    """By name, the command of every stage that reads the dataset; of those that score and report too."""
    data, done = ["--dataset", "out/dataset/flows.parquet"], folder / "out"
    found = {"split": ["stages.split", *data, "--out", "splits"]}
    for stage in ("network", "baseline"):
        tasks = params[stage].get("tasks", ["binary", "multiclass"])
        for model in params[stage]["models"]:
            for task in tasks:
                of_run = ["--task", task, "--model", model, *data, "--splits", "out/splits"]
                name = f"{stage}-{task}-{model}"
                found[name] = [f"stages.{stage}", *of_run, "--out", f"made/{name}"]
    for one in params["final"]["configurations"]:
        run = f"{one['stage']}/{one['run']}"
        of_run = ["--run", f"out/{run}", "--card", f"out/score/cards/{run}.json"]
        if (done / run).is_dir():
            found[f"final-{one['run']}"] = [
                "stages.final",
                *data,
                *of_run,
                "--out",
                f"made/final-{one['run']}",
            ]
    found["iotids audit"] = ["iotids", "audit", "out/dataset/flows.parquet", "-o", "made/audit"]
    return found


def measure(command: list[str], folder: Path, log: Path) -> tuple[float, float, float, float]:
    """Run to the end: wall and processor seconds, GB that the processes owned at most, GB of the largest process."""
    begin, own = time.perf_counter(), 0
    largest: dict[int, int] = {}
    own_runs = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "DVC_ROOT": str(folder)}
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), **own_runs}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=folder, env=environment, stdout=output, stderr=output
        )
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            fields = _with_children(process.pid)
            shared = max((one.get("RssShmem", 0) for one in fields.values()), default=0)
            own = max(own, shared + sum(one.get("RssAnon", 0) for one in fields.values()))
            largest |= {p: max(largest.get(p, 0), one.get("VmHWM", 0)) for p, one in fields.items()}
            time.sleep(PERIOD_S)
    if status:
        print(f"  ended with {os.waitstatus_to_exitcode(status)}: {log.read_text()[-300:]}")
    cpu_s = usage.ru_utime + usage.ru_stime
    peak = max([usage.ru_maxrss, *largest.values()])
    return time.perf_counter() - begin, cpu_s, own / 1e6 * 1.024, peak / 1e6 * 1.024


def _with_children(pid: int) -> dict[int, dict[str, int]]:
    """What /proc says of a process and of all below it, by process: its parent, and its memory in kB."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            parts = [line.split() for line in path.read_text().splitlines()]
        except OSError:  # it has ended
            continue
        fields = {part[0].rstrip(":"): int(part[1]) for part in parts if len(part) > 1 and part[1].isdigit()}
        found[int(path.parent.name)] = fields
    mine: set[int] = set()
    more = {pid}
    while more:
        mine |= more
        more = {one for one, fields in found.items() if fields["PPid"] in mine} - mine
    return {one: found[one] for one in mine if one in found}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", type=Path, help="with params.yaml and a finished out/; nothing is written there"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="the beginning of a stage's name"
    )
    parser.add_argument("--epochs", type=int, help="of networks (default: as the folder has it)")
    arguments = parser.parse_args()
    done = arguments.folder.resolve()
    params = yaml.safe_load((done / "params.yaml").read_text(encoding="utf-8"))
    if arguments.epochs:
        params["network"]["epochs"] = arguments.epochs
        for own in params["network"]["settings"].values():
            if isinstance(own.get("epochs"), int):  # a recipe's are a text of several to try
                own.pop("epochs")
            own.pop("average_epochs", None)
    with tempfile.TemporaryDirectory() as name:  # of a finished run, nothing but links
        folder = Path(name)
        (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        (folder / "out").mkdir()
        for part in (done / "out").iterdir():
            if part.name != "dataset":
                (folder / "out" / part.name).symlink_to(part)
        (folder / "out/dataset").mkdir()  # stages map their features from a file beside the dataset
        for part in (done / "out/dataset").iterdir():
            (folder / "out/dataset" / part.name).symlink_to(part)
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}")
        print("| stage | wall s | processor s | own GB | process GB |\n|---|---:|---:|---:|---:|", flush=True)
        for stage, command in commands(done, params).items():
            if not arguments.only or stage.startswith(tuple(arguments.only)):
                wall_s, cpu_s, own, peak = measure(command, folder, folder / "log")
                print(f"| {stage} | {wall_s:.0f} | {cpu_s:.0f} | {own:.2f} | {peak:.2f} |", flush=True)


if __name__ == "__main__":
    main()
