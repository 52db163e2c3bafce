"""Mutate detector packages and open them: no traceback, no hang, no growth; every refusal is a PackageError.

python -m tests.fuzz.fuzz_package --count 100000 --graphs 100000      (a seed and two counts)

Manifests (package.json) and references (reference.json) are changed value by value and as text, most of them
sealed again with right hashes, as somebody would who wants more than to damage them. Model files (model.onnx,
gradient.onnx) are changed byte by byte and field by field. What opens must judge a few flows, and for some of them
give reasons and make a report page. All of it happens in processes of their own: a crash of onnxruntime, or more
than a while of processor time, is a finding, and the next process continues with the next input.
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from iotids.detecting.calibrating.calibration import Target
from iotids.detecting.calibrating.evaluate import export_table, out_of_fold_table
from iotids.detecting.calibrating.site_file import origin_of
from iotids.detecting.judging.fitness import FitnessCounter
from iotids.detecting.judging.verdicts import Judge, package_point
from iotids.detecting.package.inference import Model
from iotids.detecting.package.package import (
    FORMAT,
    GRADIENT,
    MANIFEST,
    ONNX,
    REFERENCE,
    PackageError,
    open_package,
)
from iotids.detecting.package.package import _digest_of as digest_of
from iotids.detecting.package.package import _fingerprint as fingerprint
from iotids.detecting.summary.page import report_page
from iotids.detecting.summary.summary import summarise
from iotids.detecting.summary.tally import Tally
from tests.detecting.lab import make_package
from tests.fuzz.growth import Growth

HANG_S, MEMORY_MB = 20, 1_500  # seconds of processor time; an input takes milliseconds
PER_PROCESS = 25_000
OPERATORS = ("Identity", "Add", "MatMul", "Gemm", "Relu", "Reshape", "Expand", "Tile", "Gather", "Slice", "Concat", "Cast", "Softmax",
             "ConstantOfShape", "Range", "Pad", "Loop", "If", "TreeEnsembleRegressor", "TopK", "Nonsense", "")  # fmt: skip
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


def messages(message: Message) -> Iterator[Message]:
    """A message of protobuf and all that it holds."""
    yield message
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for part in value if field.is_repeated else [value]:
                yield from messages(part)


def mutate_fields(content: bytes, rng: random.Random) -> bytes:
    """A model with one to three fields changed, removed or doubled."""
    model = onnx.load_model_from_string(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        holders = [part for part in messages(model) if part.ListFields()]
        holder = rng.choice(holders)
        field, value = rng.choice(holder.ListFields())
        if field.is_repeated:
            _mutate_list(value, field, rng)
        elif field.type == FieldDescriptor.TYPE_MESSAGE or rng.random() < 0.2:
            holder.ClearField(field.name)
        else:
            setattr(holder, field.name, _odd_field(field, value, rng))
    return bytes(model.SerializeToString())


def _mutate_list(values: Any, field: FieldDescriptor, rng: random.Random) -> None:
    """Change, remove or double one of the values of a repeated field."""
    at, action = rng.randrange(len(values)), rng.randrange(3)
    if action == 0:
        del values[at]
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        values.add().CopyFrom(values[at])
    elif action == 1:
        values.append(values[at])
    else:
        values[at] = _odd_field(field, values[at], rng)


def _odd_field(field: FieldDescriptor, value: Any, rng: random.Random) -> Any:
    """Another value of the field's type."""
    if field.name == "op_type":
        return rng.choice(OPERATORS)
    if isinstance(value, bytes):
        return mutate_bytes(value, rng) if value else b"x" * rng.randrange(9)
    if isinstance(value, str):
        return rng.choice(("", "x", value[::-1], value * 2, "features", "logits", "a" * 10_000))
    if isinstance(value, float):
        return rng.choice((0.0, -value, 1e38, float("nan"), float("inf")))
    if field.type == FieldDescriptor.TYPE_ENUM:
        return rng.choice(list(field.enum_type.values_by_number))
    largest = 2**31 if field.type == FieldDescriptor.TYPE_INT32 else 2**63
    odd = rng.choice((0, 1, -1, value + 1, -value, 7, 1 << 20, largest - 1, -largest))
    return max(-largest, min(odd, largest - 1))


def use(folder: Path, *, fully: bool) -> bool:
    """Open a package and use it; whether it was opened, not refused."""
    try:
        package = open_package(folder)
        if fully:
            model = Model(package)
            flows = np.ones((3, len(package.features)))
            Judge(package, model, package_point(package)).decide(flows)
            if model.has_gradient:
                model.gradient(flows, np.ones((3, len(package.classes)), np.float32))
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
        return False
    return True


class Manifests:
    """Packages with changed manifests and references."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._mutator, self._n_opened = folder, Mutator(folder), 0

    def check(self, rng: random.Random) -> bool:
        """Change, open, and use one in fifty of those that open."""
        self._mutator.write(rng)
        if not use(self._folder, fully=False):
            return False
        self._n_opened += 1
        return use(self._folder, fully=True) if self._n_opened % FULL_CHECK_EVERY == 1 else True


class Graphs:
    """Packages with changed model files, sealed again."""

    def __init__(self, folder: Path) -> None:
        self._folder, mutator = folder, Mutator(folder)
        (folder / REFERENCE).write_bytes(
            mutator.reference_bytes
        )  # the short one: its checks are not the matter here
        self._manifest = mutator.manifest
        self._manifest["files"][REFERENCE] = fingerprint(folder / REFERENCE)
        self._original = {name: (folder / name).read_bytes() for name in (ONNX, GRADIENT)}

    def check(self, rng: random.Random) -> bool:
        """Change one of the two, by bytes or by fields; open and use the package."""
        changed = ONNX if rng.random() < 0.8 else GRADIENT
        for name, content in self._original.items():
            mutate = rng.choice((mutate_bytes, mutate_fields))
            (self._folder / name).write_bytes(mutate(content, rng) if name == changed else content)
            self._manifest["files"][name] = fingerprint(self._folder / name)
        self._manifest["manifest_sha256"] = digest_of(self._manifest)
        (self._folder / MANIFEST).write_bytes(as_text(self._manifest))
        return use(self._folder, fully=True)


KINDS = {"manifests": Manifests, "graphs": Graphs}


def work(kind: str, folder: Path, seed: int, stop: int, place: Any, n_opened: Any, findings: Path) -> None:
    """Check inputs from `place` to `stop`; runs in a process of its own, which says where it is in `place`."""
    inputs = KINDS[kind](folder)
    use(folder, fully=True)
    growth = Growth(MEMORY_MB)
    for done, number in enumerate(range(place.value, stop)):
        place.value = number
        signal.setitimer(signal.ITIMER_PROF, HANG_S)
        try:
            n_opened.value += inputs.check(random.Random(f"{seed} {kind} {number}"))
        except Exception as error:  # noqa: BLE001  every other exception is a finding
            with findings.open("a", encoding="utf-8") as file:
                message = f"{type(error).__name__}: {str(error)[:200]!r}"
                file.write(f"{kind} {number} of seed {seed}: {message}\n")
        signal.setitimer(signal.ITIMER_PROF, 0)
        if done % 1000 == 0:
            growth.look(done)
    place.value = stop


def fuzz(kind: str, home: Path, seed: int, count: int) -> list[str]:
    """Check `count` inputs of a kind, some thousands per process; gives the findings."""
    context = multiprocessing.get_context("spawn")
    place, n_opened = context.Value("q", 0, lock=False), context.Value("q", 0, lock=False)
    findings, began = home / f"{kind}.txt", time.monotonic()
    findings.touch()
    while place.value < count:
        folder = home / f"{kind}-{place.value}"
        make_package(folder)
        begun, stop = place.value, min(place.value + PER_PROCESS, count)
        process = context.Process(target=work, args=(kind, folder, seed, stop, place, n_opened, findings))
        process.start()
        process.join()
        if process.exitcode:
            if place.value == begun:
                raise RuntimeError(f"{kind}: not even the first input of a process was checked, see above")
            with findings.open("a", encoding="utf-8") as file:
                file.write(
                    f"{kind} {place.value} of seed {seed}: the process ended with {process.exitcode}\n"
                )
            place.value += 1
        print(
            f"{kind}: {place.value:,}, {n_opened.value:,} opened, {time.monotonic() - began:.0f} s",
            flush=True,
        )
    return findings.read_text(encoding="utf-8").splitlines()


def main() -> int:
    """Fuzz; exit code 1 with findings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--graphs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=shared) as temporary:
        findings = fuzz("manifests", Path(temporary), arguments.seed, arguments.count)
        findings += fuzz("graphs", Path(temporary), arguments.seed, arguments.graphs)
    print("\n".join([*findings, f"{len(findings) or 'no'} finding{'s' * (len(findings) > 1)}"]))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
