"""One configuration on one dataset: train the folds of a split as a stack, test them, and keep what is done, so
that a run that was broken off continues.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from iotids.learning.contract import FoldResult, TrainingData
from iotids.learning.data.folds import Fold
from iotids.learning.networks.dense.averaging import LastEpochs
from iotids.learning.networks.dense.chain import signed_log
from iotids.learning.networks.dense.parted import PartedNetworks
from iotids.learning.networks.dense.stacked_step import NetworkShape
from iotids.learning.networks.dense.training import EpochFigures, TrainingPlan, best_epoch, train_epochs
from iotids.learning.runs.checkpoints import Store
from iotids.learning.runs.cross_validation import untrained_classes

if TYPE_CHECKING:
    from iotids.learning.networks.dense.kind import DenseSettings

SAVE_EVERY_S = 60.0  # at most this much work is lost
WATCHED_ROWS = 1024  # the training code wants rows to watch; nothing is chosen by them
SHAPE_KEYS = (
    "depth",
    "width",
    "dropout",
    "learning_rate",
    "momentum",
    "decay",
    "nesterov",
    "batch_size",
    "optimiser",
)


@dataclass(frozen=True)
class SplitRun:
    """What one split gave: a result per fold, the history of all epochs, and the weights of its first fold in
    Keras' order.
    """

    results: list[FoldResult]
    history: list[EpochFigures]
    weights: list[np.ndarray]


class DenseTrainer:
    """One configuration on one dataset; splits run one after the other on the same compiled stack.

    Parameters
    ----------
    data
        With float32 features.
    """

    def __init__(self, data: TrainingData, settings: DenseSettings, *, seed: int) -> None:
        self.truth, self.classes = data.truth, data.classes
        learning = {name: getattr(settings, name) for name in SHAPE_KEYS}
        self.shape = NetworkShape(n_features=data.features.shape[1], n_classes=data.n_classes, **learning)
        self.plan = TrainingPlan(settings.epochs, settings.batch_size, seed, settings.patience)
        features = signed_log(data.features).astype(np.float32) if settings.inputs == "log" else data.features
        self._features = tf.constant(features)
        self._classes = tf.constant(data.truth.astype(np.int32))
        self._parts, self._average = settings.parts, settings.average_epochs
        self._stacks: dict[int, PartedNetworks] = {}

    def run(
        self,
        split: str,
        folds: Sequence[Fold],
        store: Store,
        report_progress: Callable[[str], None] = lambda _: None,
        *,
        order: int = 0,
    ) -> SplitRun:
        """Train and test every fold of a split, or take from the store what was done before.

        `report_progress` is called with one line per epoch. `order` counts the fits of a fold that differ in
        their seed alone; the first is 0.

        Raises
        ------
        FloatingPointError
            As `training.train_epochs`, with the split's name in front.
        """
        try:
            name = split if order == 0 else f"{split}-{order}"
            done = store.load(name) or self._train(name, folds, store, report_progress)
        except FloatingPointError as error:
            raise FloatingPointError(f"split {split}: {error}") from error
        return self._read(split, folds, done, order)

    def train_on_all(self) -> list[np.ndarray]:
        """Weights in Keras' order of one network that learned from every row."""
        rows = np.arange(self.truth.size)
        fold = Fold(0, rows, rows[:WATCHED_ROWS])
        networks = self._stack(1)
        networks.start(seed=self.plan.seed, folds=[0])
        average = LastEpochs(self._average, self.plan.epochs)
        for figures in train_epochs(networks, self._features, self._classes, [fold], self.plan):
            average.add(networks, figures[0].epoch)
        average.settle(networks)
        return networks.weights_of(0)

    @staticmethod
    def history_columns(histories: Mapping[str, Sequence[EpochFigures]]) -> dict[str, list]:
        """Columns of history.parquet from each split's history."""
        rows = [
            {"split": split, **figures._asdict()}
            for split, history in histories.items()
            for figures in history
        ]
        return {name: [row[name] for row in rows] for name in ("split", *EpochFigures._fields)}

    def _train(
        self, split: str, folds: Sequence[Fold], store: Store, report_progress: Callable[[str], None]
    ) -> dict[str, np.ndarray]:
        """Train from the start or from the last state in the store; the finished split's arrays, stored."""
        networks = self._stack(len(folds))
        average = LastEpochs(self._average, self.plan.epochs)
        history, spent_s = self._start(networks, folds, average, store.load(f"{split}.state"))
        started = saved = time.perf_counter()
        for rows in train_epochs(networks, self._features, self._classes, folds, self.plan, history):
            history += rows
            average.add(networks, rows[0].epoch)
            report_progress(f"{split} {np.mean([row.val_accuracy for row in rows]):.4f}")
            if (now := time.perf_counter()) - saved > SAVE_EVERY_S:
                saved = now
                so_far = {"history": _to_array(history), "fit_s": np.array(spent_s + now - started)}
                store.save(f"{split}.state", networks.state() | average.state() | so_far)
        average.settle(networks)
        fit_s = spent_s + time.perf_counter() - started
        networks.predict(
            self._features, [fold.test_rows[:1] for fold in folds]
        )  # compiles: no part of the time a flow takes
        started = time.perf_counter()
        scores = networks.predict(self._features, [fold.test_rows for fold in folds])
        done = {f"scores_{fold.number}": mine for fold, mine in zip(folds, scores, strict=True)}
        done |= {f"weights_{i}": value for i, value in enumerate(networks.weights_of(0))}
        done |= {
            "history": _to_array(history),
            "fit_s": np.array(fit_s),
            "predict_s": np.array(time.perf_counter() - started),
        }
        store.save(split, done)
        return done

    def _stack(self, n_folds: int) -> PartedNetworks:
        """The stack for this many folds; compiled once and used by every split that has as many."""
        if n_folds not in self._stacks:
            self._stacks[n_folds] = PartedNetworks(self.shape, n_folds, parts=self._parts)
        return self._stacks[n_folds]

    def _start(
        self,
        networks: PartedNetworks,
        folds: Sequence[Fold],
        average: LastEpochs,
        state: dict[str, np.ndarray] | None,
    ) -> tuple[list[EpochFigures], float]:
        """Give the stack fresh weights, or those of a stored state; its history and the seconds it took."""
        if state is None:
            networks.start(seed=self.plan.seed, folds=[fold.number for fold in folds])
            return [], 0.0
        networks.restore(state)
        average.restore(state)
        return _from_array(state["history"]), float(state["fit_s"])

    def _read(self, split: str, folds: Sequence[Fold], done: dict[str, np.ndarray], order: int) -> SplitRun:
        """Turn stored arrays into results."""
        history = _from_array(done["history"])
        weights = [done[f"weights_{i}"] for i in range(sum(name.startswith("weights_") for name in done))]
        us_per_flow = float(done["predict_s"]) / sum(len(fold.test_rows) for fold in folds) * 1e6
        sizes = {"us_per_flow": us_per_flow, "model_bytes": sum(value.nbytes for value in weights)}
        results = []
        for fold in folds:
            truth = self.truth[fold.test_rows].astype(np.int8)
            record = self._record(fold, done, history) | sizes
            scores = done[f"scores_{fold.number}"]
            results.append(FoldResult(split, fold.number, fold.test_rows, truth, scores, record, order))
        return SplitRun(results, history, weights)

    def _record(
        self, fold: Fold, done: dict[str, np.ndarray], history: Sequence[EpochFigures]
    ) -> dict[str, Any]:
        """What folds.json says; the folds trained together, so each is charged its share of the time."""
        n_folds = sum(name.startswith("scores_") for name in done)
        best = best_epoch(history, fold.number)._asdict()
        return {
            "fold": fold.number,
            "train_rows": len(fold.train_rows),
            "test_rows": len(fold.test_rows),
            "fit_s": float(done["fit_s"]) / n_folds,
            "predict_s": float(done["predict_s"]) / n_folds,
            "facts": {"parameters": self.shape.n_parameters},
            "untrained_classes": untrained_classes(self.truth[fold.train_rows], self.classes),
            "epochs": max(row.epoch for row in history if row.fold == fold.number),
            "best_epoch": {name: best[name] for name in ("epoch", "val_accuracy", "val_loss")},
        }


def _to_array(history: Sequence[EpochFigures]) -> np.ndarray:
    """(rows, 6) float64, exact for the integers in it."""
    return np.array(history, np.float64).reshape(-1, len(EpochFigures._fields))


def _from_array(rows: np.ndarray) -> list[EpochFigures]:
    """The history again."""
    return [EpochFigures(int(fold), int(epoch), *figures) for fold, epoch, *figures in rows.tolist()]
