"""Run a package's graphs: logits for every flow, gradients for the flows that get reasons; by onnxruntime, forests by own machine code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from iotids.detecting.package.operators import check_operators
from iotids.detecting.package.package import GRADIENT, ONNX, REMEDY, Package, PackageError
from iotids.detecting.trees.forest import forest_of

LARGEST_GRAPH = 1 << 30  # bytes
LARGEST_MEMORY = 2 << 30  # bytes of tensors that all open graphs hold at once; ours need some ten million
GRADIENT_ROWS = 1024  # all layers are kept for the way back
BATCH_ROWS = 4096  # measured best of 1,024 to 65,536: the layer's activations stay in the second-level cache


class Model:
    """The graphs of one opened package."""

    def __init__(self, package: Package, *, threads: int = 1) -> None:
        self.package = package
        self._threads = threads
        self._logits = open_graph(package.folder / ONNX, threads=threads)
        check_graph(self._logits, package)
        with named_refusals(package.folder / ONNX):
            self._forest = forest_of(
                (package.folder / ONNX).read_bytes(),
                len(package.features),
                whole=self._by_onnxruntime,
                opened=_part_of_graph,
            )

    @cached_property
    def _gradient(self) -> onnxruntime.InferenceSession:
        """The second graph, opened at the first alarm."""
        return open_graph(self.package.folder / GRADIENT, threads=self._threads)

    def logits(self, X: np.ndarray) -> np.ndarray:
        """(n, k) float32 logits of (n, d) float64 features."""
        with named_refusals(self.package.folder / ONNX):
            if self._forest is not None:
                return self._forest.logits(X)
            return self._by_onnxruntime(X)

    def _by_onnxruntime(self, X: np.ndarray) -> np.ndarray:
        """The same logits, of any kind of model."""
        return run_in_batches(self._logits, {"features": X}, "logits", (len(self.package.classes),))

    @property
    def has_gradient(self) -> bool:
        """Whether the package has a gradient for reasons."""
        return GRADIENT in self.package.manifest["files"]

    def gradient(self, X: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """(n, d) float32 gradient of sum(direction * logits) by (n, d) float64 features; direction is (n, k) float32."""
        inputs = {"features": X, "direction": direction}
        with named_refusals(self.package.folder / GRADIENT):
            return run_in_batches(self._gradient, inputs, "gradient", (X.shape[1],), GRADIENT_ROWS)


def open_graph(path: Path, *, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open an ONNX file on the CPU, in bounded memory: a graph of a few bytes may ask for any amount.

    Raises
    ------
    PackageError
        The file is no model that onnxruntime reads, or holds what no exporter writes.
    """
    if path.stat().st_size > LARGEST_GRAPH:
        raise PackageError(
            f"{path}: {path.stat().st_size:,} bytes; at most {LARGEST_GRAPH:,} are read; {REMEDY}"
        )
    check_operators(path)
    with named_refusals(path):
        return _session(str(path), threads)


def _session(model: str | bytes, threads: int) -> onnxruntime.InferenceSession:
    """Open a model that was checked, by its path or its content."""
    share_bounded_memory()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 4  # what is wrong with a graph stands in the PackageError, and only there
    return onnxruntime.InferenceSession(
        model,
        options,
        providers=["CPUExecutionProvider"],
        enable_fallback=False,
        disabled_optimizers=["ConstantFolding"],  # its results lie outside the bounded memory
    )


def _part_of_graph(content: bytes, output: str) -> Callable[[np.ndarray], np.ndarray]:
    """What runs a part of a checked graph: its one input to an output."""
    session = _session(content, threads=1)
    name = session.get_inputs()[0].name
    return lambda values: session.run([output], {name: values})[0]


@cache
def share_bounded_memory() -> None:
    """Give all graphs of this process one allocator with an upper limit; onnxruntime's own have none."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(LARGEST_MEMORY, -1, -1, -1))


@contextmanager
def named_refusals(path: Path) -> Iterator[None]:
    """Turn what onnxruntime says of a graph into a PackageError that names the file."""
    try:
        yield
    except Exception as error:
        foreign = type(error).__module__.startswith("onnxruntime") or isinstance(
            error, (RuntimeError, ValueError)
        )
        if not foreign or isinstance(error, PackageError):
            raise
        why = f"not a model that onnxruntime {onnxruntime.__version__} runs ({str(error)[:200]})"
        raise PackageError(f"{path}: {why}; {REMEDY}") from error


def check_graph(session: onnxruntime.InferenceSession, package: Package) -> None:
    """The graph's own notes must name the same features and classes as package.json.

    Raises
    ------
    PackageError
        They differ: the model file belongs to another package.
    """
    path = package.folder / ONNX
    with named_refusals(path):
        notes: dict[str, Any] = {
            key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()
        }
    for key in ("features", "classes", "profile"):
        wanted = package.profile if key == "profile" else list(getattr(package, key))
        if notes.get(key) != wanted:
            raise PackageError(f"{path}: the {key} in the model file are not those of package.json; {REMEDY}")
    usual = np.tile(np.array(package.reference["benign_median"], np.float64), (2, 1))
    with named_refusals(path):
        logits = session.run(["logits"], {"features": usual})[0]
    if np.shape(logits) != (2, len(package.classes)) or not np.isfinite(logits).all():
        raise PackageError(
            f"{path}: gives {np.shape(logits)} logits for two ordinary flows and {len(package.classes)} classes, or no finite ones; {REMEDY}"
        )


def run_in_batches(
    session: onnxruntime.InferenceSession,
    inputs: dict[str, np.ndarray],
    output: str,
    shape: tuple[int, ...],
    rows: int = BATCH_ROWS,
) -> np.ndarray:
    """(n, *shape) float32 output of row-wise inputs, a batch at a time."""
    n = len(next(iter(inputs.values())))
    result = np.empty((n, *shape), np.float32)
    for start in range(0, n, rows):
        part = {name: values[start : start + rows] for name, values in inputs.items()}
        result[start : start + rows] = session.run([output], part)[0]
    return result
