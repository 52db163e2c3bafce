"""Mutate detector packages and open them: no traceback, no hang, no growth; every refusal is a PackageError.

python -m tests.fuzz.fuzz_package --count 100000 --graphs 300      (a seed and two counts)

Manifests (package.json) and references (reference.json) are changed value by value and as text, half of them
sealed again with right hashes, as somebody would who wants more than to damage them. What opens must judge a few
flows and make a report page. Model files are changed byte by byte, in a process of their own, because a crash of
onnxruntime would end this one; loading one takes milliseconds, so there are fewer of them.
"""

from __future__ import annotations

import argparse
import copy
import json
import multiprocessing
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from iotids.detecting.calibrating.calibration import Target
from iotids.detecting.calibrating.evaluate import export_table, out_of_fold_table
from iotids.detecting.calibrating.site_file import origin_of
from iotids.detecting.judging.fitness import FitnessCounter
from iotids.detecting.judging.verdicts import Judge, package_point
from iotids.detecting.package.inference import Model
from iotids.detecting.package.package import FORMAT, MANIFEST, ONNX, REFERENCE, PackageError, open_package
from iotids.detecting.package.package import _digest_of as digest_of
from iotids.detecting.package.package import _fingerprint as fingerprint
from iotids.detecting.summary.page import report_page
from iotids.detecting.summary.summary import summarise
from iotids.detecting.summary.tally import Tally
from tests.detecting.lab import make_package
from tests.fuzz.growth import Growth

HANG_S, MEMORY_MB = 20, 1_500
FULL_CHECK_EVERY = 50  # of the packages that open, judging and a page take a hundred times as long as opening
ODD: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        1 << 70,
        -(1 << 70),
        1e308,
        -1e308,
        1e-320,
        0.5,
        float("nan"),
        float("inf"),
    ),
    *(
        "",
        "x",
        "\ud800",
        "\0",
        "../../etc/passwd",
        "<script>",
        "a" * 100_000,
        [],
        {},
        [[]],
        [None],
        {"": None},
    ),
]


def places(content: Any, path: tuple = ()) -> list[tuple]:
    """Paths to values; of long lists the first few."""
    found = [path] if path else []
    items = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content[:3])
        if isinstance(content, list)
        else ()
    )
    for key, value in items:
        found += places(value, (*path, key))
    return found


def mutate_value(content: Any, rng: random.Random) -> Any:
    """A copy with one to three values replaced, removed, doubled or moved."""
    content = copy.deepcopy(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        known = places(content)
        if not known:
            return rng.choice(ODD)
        *way, last = rng.choice(known)
        parent = content
        for key in way:
            parent = parent[key]
        action = rng.randrange(5)
        if action == 0:
            del parent[last]
        elif action == 1 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[last]))
        elif action == 2 and isinstance(parent[last], (int, float)) and not isinstance(parent[last], bool):
            parent[last] = parent[last] * rng.choice((-1, 0, 1e9, 1e-9, 1e300))
        elif action == 3:
            *other, end = rng.choice(known)
            value = content
            for key in (*other, end):
                try:
                    value = value[key]
                except (KeyError, IndexError, TypeError):
                    break
            parent[last] = copy.deepcopy(value)
        else:
            parent[last] = copy.deepcopy(rng.choice(ODD))
    return content


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, removed, inserted, or the end cut off."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(data)) if data else 0
        action = rng.randrange(4)
        if action == 0 and data:
            data[at] = rng.randrange(256)
        elif action == 1:
            del data[at : at + rng.choice((1, 2, 100, 10_000))]
        elif action == 2:
            data[at:at] = rng.choice(
                (b"[" * 100_000, b"9" * 5_000, b"\xff", b"{", b"NaN", b"1e999", bytes(8))
            )
        else:
            del data[at:]
    return bytes(data)


def as_text(content: Any) -> bytes:
    """JSON, with what it does not have written as Python does."""
    return json.dumps(content).encode("utf-8", "surrogatepass")


class Mutator:
    """Writes mutated manifests and references over those of one package."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        self.reference = json.loads((folder / REFERENCE).read_text(encoding="utf-8"))
        for part in self.reference[
            "drift"
        ]:  # short lists: every value is as likely to be hit, and files are small
            part["edges"], part["shares"] = part["edges"][:1], [0.5, 0.5]
        novelty, quantiles = self.reference["novelty"], self.reference["log_odds_quantiles"]
        novelty["prototypes"] = novelty["prototypes"][:2]
        self.reference["log_odds_quantiles"] = {name: values[:3] for name, values in quantiles.items()}
        self.reference_bytes = as_text(self.reference)
        self._written = b""

    def write(self, rng: random.Random) -> None:
        """One mutation of one of the two files; every second one sealed again."""
        manifest, text = self.manifest, self.reference_bytes
        which, sealed = rng.randrange(4), rng.random() < 0.75
        if which == 0:
            text = as_text(mutate_value(self.reference, rng))
        elif which == 1 and rng.random() < 0.2:
            text = mutate_bytes(text, rng)
        else:
            manifest = mutate_value(manifest, rng)
        if text != self._written:
            (self.folder / REFERENCE).write_bytes(text)
            self._written = text
        if sealed and isinstance(manifest, dict):
            manifest = copy.deepcopy(manifest)
            if isinstance(manifest.get("files"), dict) and REFERENCE in manifest["files"]:
                manifest["files"][REFERENCE] = fingerprint(self.folder / REFERENCE)
            manifest["format"] = FORMAT if rng.random() < 0.95 else manifest.get("format")
            manifest["manifest_sha256"] = digest_of(manifest)
        content = as_text(manifest)
        (self.folder / MANIFEST).write_bytes(content if rng.random() < 0.9 else mutate_bytes(content, rng))


def use(folder: Path, *, fully: bool) -> str:
    """Open a package and use it; gives `opened`, or `refused`."""
    try:
        package = open_package(folder)
        if fully:
            judge = Judge(package, Model(package), package_point(package))
            judge.decide(np.ones((3, len(package.features))))
            list(out_of_fold_table(package))
            list(export_table(package))
            Target(10.0, float(package.manifest["novelty"]["quantile"]), 0)
            report_page(
                summarise(
                    Tally(),
                    [],
                    package,
                    ledgers=[],
                    status={"complete": True},
                    point=origin_of(None, package),
                    fitness=FitnessCounter().result(),
                )
            )
    except PackageError as error:
        str(error).encode("utf-8", "backslashreplace")
        return "refused"
    return "opened"


def _graph_worker(folder: Path, seed: int, numbers: range, queue: Any) -> None:
    """Open mutated model files; runs in a process of its own."""
    original, manifest = (folder / ONNX).read_bytes(), json.loads((folder / MANIFEST).read_text())
    growth = Growth(MEMORY_MB)
    for number in numbers:
        rng = random.Random(f"{seed} graph {number}")
        (folder / ONNX).write_bytes(mutate_bytes(original, rng))
        manifest["files"][ONNX] = fingerprint(folder / ONNX)
        manifest["manifest_sha256"] = digest_of(manifest)
        (folder / MANIFEST).write_bytes(as_text(manifest))
        queue.put((number, None))
        try:
            queue.put((number, use(folder, fully=True)))
        except BaseException as error:  # noqa: BLE001  every other exception is a finding
            queue.put((number, f"FINDING {type(error).__name__}: {error}"))
        growth.look(number)
    queue.put((-1, "end"))


def fuzz_graphs(folder: Path, seed: int, count: int) -> Counter:
    """Open `count` mutated model files; a crash is a finding, and the next process goes on behind it."""
    counts: Counter = Counter()
    start, context = 0, multiprocessing.get_context("spawn")
    original, manifest = (folder / ONNX).read_bytes(), (folder / MANIFEST).read_bytes()
    while start < count:
        (folder / ONNX).write_bytes(original)
        (folder / MANIFEST).write_bytes(manifest)
        queue = context.Queue()
        worker = context.Process(target=_graph_worker, args=(folder, seed, range(start, count), queue))
        worker.start()
        number, began = start, time.monotonic()
        while True:
            try:
                number, result = queue.get(timeout=1)
            except Exception:  # noqa: BLE001  queue.Empty
                if worker.is_alive() and time.monotonic() - began < HANG_S + 30:
                    continue
                counts[f"FINDING graph {number} of seed {seed}: exit {worker.exitcode}"] += 1
                worker.kill()
                break
            if result is not None:
                began = time.monotonic()
                counts[result if number >= 0 else "processes"] += 1
            if number < 0:
                break
        worker.join()
        start = count if number < 0 else number + 1
    return counts


def fuzz_manifests(folder: Path, seed: int, count: int) -> Counter:
    """Open `count` packages with mutated manifests and references."""
    mutator, counts = Mutator(folder), Counter()
    use(folder, fully=True)
    growth = Growth(MEMORY_MB)
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        mutator.write(rng)
        signal.alarm(HANG_S)
        try:
            result = use(folder, fully=False)
            if result == "opened":
                counts["opened"] += 1
                result = use(folder, fully=True) if counts["opened"] % FULL_CHECK_EVERY == 1 else result
            counts["refused"] += result == "refused"
        except Exception as error:  # noqa: BLE001  every other exception is a finding
            counts[
                f"FINDING manifest {number} of seed {seed}: {type(error).__name__}: {str(error)[:120]}"
            ] += 1
        finally:
            signal.alarm(0)
        if number % 1000 == 0:
            growth.look(number)
    return counts


def main() -> int:
    """Fuzz; exit code 1 with findings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--graphs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = make_package(Path(temporary) / "lab").folder
        kept = {path.name: path.read_bytes() for path in folder.iterdir()}
        started = time.monotonic()
        counts = fuzz_manifests(folder, arguments.seed, arguments.count)
        for name, content in kept.items():
            (folder / name).write_bytes(content)
        graphs = fuzz_graphs(folder, arguments.seed, arguments.graphs)
    print(f"manifests: {dict(counts)}\ngraphs: {dict(graphs)}\n{time.monotonic() - started:.0f} s")
    findings = [name for name in (*counts, *graphs) if name.startswith("FINDING")]
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
