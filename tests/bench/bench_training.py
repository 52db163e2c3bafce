"""Measures stacked training against plain Keras, and against what the machine can do at best. Prints one
table.

    python -m tests.bench.bench_training                 # ratios: stacked against keras.fit, share of the
    matmul rate
    python -m tests.bench.bench_training --paper-scale   # 1.8 million rows: one epoch of each depth, memory,
    the whole grid's estimate

Rates are the best of several interleaved repeats: neighbours on the machine slow single repeats down, ratios
within one run stay meaningful. Compilation is told apart.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from iotids.learning.data.folds import Fold
from iotids.learning.networks.dense.keras_network import build_network, compile_as_paper
from iotids.learning.networks.dense.stacked import StackedNetworks
from iotids.learning.networks.dense.stacked_step import NetworkShape
from iotids.learning.networks.dense.training import TrainingPlan, epoch_batches

N_FEATURES, N_CLASSES, N_FOLDS = 70, 5, 5
PAPER_ROWS, PAPER_EPOCHS, DEPTHS, TASKS = 1_805_053, 50, (4, 5, 6, 7), 2
LEARNING = {"learning_rate": 0.1, "momentum": 0.09, "decay": 1e-6, "nesterov": True}


def machine() -> str:
    """What TensorFlow computes on: it takes a GPU where there is one, with the same code."""
    return f"{os.cpu_count()} cores, {len(tf.config.list_physical_devices('GPU'))} GPUs, TensorFlow {tf.__version__}"


def matmul_flops(n: int = 2048) -> float:
    """float32 operations per second of one large matrix product: the most the machine gives."""
    matrix = tf.random.normal((n, n))
    return 2 * n**3 / _seconds(lambda: tf.matmul(matrix, matrix).numpy())


def network_flops_per_row(depth: int, width: int) -> int:
    """Multiplications and additions of one training row: forward, and backward to weights and to inputs (not
    to the features).
    """
    weights = N_FEATURES * width + (depth - 1) * width * width + width * N_CLASSES
    return 6 * weights - 2 * N_FEATURES * width


def problem(n_rows: int) -> tuple[np.ndarray, np.ndarray, list[Fold]]:
    """Generated features, classes, and five folds."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, N_CLASSES, n_rows).astype(np.int32)
    features = rng.standard_normal((n_rows, N_FEATURES), np.float32)
    for j, step in enumerate(
        rng.standard_normal(N_FEATURES, np.float32)
    ):  # one column at a time: memory is measured here
        features[:, j] += truth * step
    fold = rng.permutation(n_rows) % N_FOLDS
    return (
        features,
        truth,
        [Fold(f, np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(N_FOLDS)],
    )


def stacked(folds, *, depth: int, width: int, batch_size: int) -> StackedNetworks:  # type: ignore[no-untyped-def]
    """Started networks."""
    networks = StackedNetworks(
        NetworkShape(N_FEATURES, N_CLASSES, depth, width, 0.2, batch_size=batch_size, **LEARNING), len(folds)
    )
    networks.start(seed=0, folds=[fold.number for fold in folds])
    return networks


def stacked_epoch(features, truth, folds, **shape: int) -> tuple[Callable[[], object], int]:  # type: ignore[no-untyped-def]
    """A function that trains one epoch of all folds at once, and the rows in it."""
    networks, X, y = stacked(folds, **shape), tf.constant(features), tf.constant(truth)
    batches = epoch_batches(folds, TrainingPlan(1, shape["batch_size"], 0, 0), epoch=1)
    return lambda: networks.train_epoch(X, y, batches), int((batches >= 0).sum())


def keras_epoch(
    features, truth, folds, *, depth: int, width: int, batch_size: int
) -> tuple[Callable[[], object], int]:  # type: ignore[no-untyped-def]
    """A function that trains one epoch of every fold with `fit`, fold after fold, and the rows in it."""
    one_hot = np.eye(N_CLASSES, dtype=np.float32)[truth]
    models = []
    for fold in folds:
        model = build_network(
            n_features=N_FEATURES, n_classes=N_CLASSES, depth=depth, width=width, dropout=0.2
        )
        compile_as_paper(model, **LEARNING)
        models.append((model, features[fold.train_rows], one_hot[fold.train_rows]))

    def run() -> None:
        for model, X, y in models:
            model.fit(X, y, batch_size=batch_size, epochs=1, verbose=0)

    return run, sum(len(fold.train_rows) for fold in folds)


def ratios(*, depth: int = 6, width: int = 128, n_rows: int = 40_000, repeats: int = 4) -> None:
    """Stacked against Keras at batch 256 and 1024."""
    features, truth, folds = problem(n_rows)
    print(f"{depth} hidden layers of {width}, {N_FOLDS} folds, {n_rows:,} rows, {machine()}")
    print(" batch  keras.fit rows/s  stacked rows/s  ratio  GFLOP/s  matmul GFLOP/s  share  compile s")
    for batch_size in (256, 1024):
        kinds = {"keras": keras_epoch, "stacked": stacked_epoch}
        runs = {
            name: kind(features, truth, folds, depth=depth, width=width, batch_size=batch_size)
            for name, kind in kinds.items()
        }
        first_s = {name: _seconds(run, repeats=1) for name, (run, _) in runs.items()}
        seconds, peak = dict.fromkeys(runs, np.inf), 0.0
        for _ in range(repeats):
            for name, (run, _) in runs.items():
                seconds[name] = min(seconds[name], _seconds(run, repeats=1))
            peak = max(peak, matmul_flops())
        rate = {name: n / seconds[name] for name, (_, n) in runs.items()}
        flops = rate["stacked"] * network_flops_per_row(depth, width)
        print(
            f"{batch_size:>6} {rate['keras']:>17,.0f} {rate['stacked']:>15,.0f} {rate['stacked'] / rate['keras']:>6.2f} "
            f"{flops / 1e9:>8.0f} {peak / 1e9:>15.0f} {flops / peak:>6.1%} {first_s['stacked'] - seconds['stacked']:>10.1f}"
        )


def paper_scale(*, width: int, batch_size: int, n_rows: int = PAPER_ROWS) -> None:
    """One epoch of every depth over as many rows as the paper has; memory; hours for the whole grid."""
    features, truth, folds = problem(n_rows)
    X, y = tf.constant(features), tf.constant(truth)
    batches = epoch_batches(folds, TrainingPlan(1, batch_size, 0, 0), epoch=1)
    print(f"{n_rows:,} rows, width {width}, batch {batch_size}, {N_FOLDS} folds, {machine()}")
    print(f"{'depth':>6} {'s per epoch, 5 folds':>21} {'rows/s':>10} {'compile s':>10}")
    total_s = 0.0
    for depth in DEPTHS:
        networks = stacked(folds, depth=depth, width=width, batch_size=batch_size)
        compile_s = _seconds(partial(networks.train_epoch, X, y, batches[:1]), repeats=1)
        seconds = _seconds(partial(networks.train_epoch, X, y, batches), repeats=1)
        n, total_s = int((batches >= 0).sum()), total_s + seconds
        print(f"{depth:>6} {seconds:>21.1f} {n / seconds:>10,.0f} {compile_s:>10.1f}", flush=True)
    print(
        f"largest memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB"
    )
    hours = total_s * PAPER_EPOCHS * TASKS / 3600
    print(
        f"the grid of one split (4 depths x 2 tasks x 5 folds x {PAPER_EPOCHS} epochs): {hours:.1f} h, test rows not counted"
    )


def _seconds(run: Callable[[], object], repeats: int = 3) -> float:
    """Shortest time of a call."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--paper-scale", action="store_true", help="1.8 million rows, one epoch of each depth"
    )
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=256)
    arguments = parser.parse_args()
    if arguments.paper_scale:
        paper_scale(width=arguments.width, batch_size=arguments.batch_size)
    else:
        ratios()


if __name__ == "__main__":
    main()
