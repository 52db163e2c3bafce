"""One configuration on one dataset: train the folds of all splits in stacks, test them, and keep what is done,
so that a run that was broken off continues.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from iotids.learning.contract import FoldResult, TrainingData
from iotids.learning.data.folds import Fold
from iotids.learning.networks.dense.averaging import LastEpochs
from iotids.learning.networks.dense.chain import network_inputs
from iotids.learning.networks.dense.in_turn import Member, run_in_turn, stacks_of
from iotids.learning.networks.dense.rows_in_file import RowsInFile
from iotids.learning.networks.dense.stacked import StackedNetworks
from iotids.learning.networks.dense.stacked_step import NetworkShape
from iotids.learning.networks.dense.training import EpochFigures, TrainingPlan, best_epoch, train_epochs
from iotids.learning.networks.tensorflow_start import places
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
    """What one split gave: a result per fold, the history of all epochs (folds by number), and the weights of
    its first fold in Keras' order.
    """

    results: list[FoldResult]
    history: list[EpochFigures]
    weights: list[np.ndarray]


class DenseTrainer:
    """One configuration on one dataset.

    Parameters
    ----------
    data
        With float32 features.
    """

    def __init__(self, data: TrainingData, settings: DenseSettings, *, seed: int) -> None:
        self.truth, self.classes = data.truth, data.classes
        learning = {name: getattr(settings, name) for name in SHAPE_KEYS}
        self.shape = NetworkShape(n_features=data.features.shape[1], n_classes=data.n_classes, **learning)
        self.plan = TrainingPlan(
            settings.epochs, settings.batch_size, seed, settings.patience, settings.shuffle_block_rows
        )
        self._features = _features_of(data, settings)
        self._classes = tf.constant(data.truth.astype(np.int32))
        self._folds_per_stack, self._average = settings.folds_per_stack, settings.average_epochs

    def run(
        self,
        splits: Mapping[str, Sequence[Fold]],
        store: Store,
        report_progress: Callable[[str], None] = lambda _: None,
        *,
        order: int = 0,
        n_threads: int = 1,
    ) -> dict[str, SplitRun]:
        """Train and test every fold of every split, or take from the store what was done before.

        Stacks do not see each other: the results are the same bits for any number of threads. `report_progress`
        is called with one line per epoch of a fold. `order` counts the fits of a fold that differ in their
        seed alone; the first is 0.

        Raises
        ------
        FloatingPointError
            As `training.train_epochs`; what was finished before is kept.
        """
        members = [Member(split, fold) for split, folds in splits.items() for fold in folds]
        stacks = stacks_of(members, self._folds_per_stack)
        trainings = [
            self._train(f"{order}.{number}", stack, store, report_progress)
            for number, stack in enumerate(stacks)
        ]
        found: dict[tuple[str, int], SplitRun] = {}
        for stack, done in zip(
            stacks, run_in_turn(trainings, places(min(n_threads, len(stacks)))), strict=True
        ):
            found |= self._read(stack, done, order)
        return {split: _joined([found[split, f.number] for f in folds]) for split, folds in splits.items()}

    def train_on_all(self) -> list[np.ndarray]:
        """Weights in Keras' order of one network that learned from every row."""
        rows = np.arange(self.truth.size)
        fold = Fold(0, rows, rows[:WATCHED_ROWS])
        networks = StackedNetworks(self.shape, 1)
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
        self, name: str, stack: Sequence[Member], store: Store, report_progress: Callable[[str], None]
    ) -> Generator[None, None, dict[str, np.ndarray]]:
        """Train a stack from the start or from its last state in the store, an epoch a step; give its arrays,
        which the store keeps under its name.
        """
        if (kept := store.load(name)) is not None:
            return kept
        folds = [member.fold for member in stack]
        networks = StackedNetworks(self.shape, len(folds))
        average = LastEpochs(self._average, self.plan.epochs)
        history, fit_s = self._start(networks, folds, average, store.load(f"{name}.state"))
        begun = saved = time.perf_counter()
        for rows in train_epochs(
            networks, self._features, self._classes, folds, self.plan, history, names=list(map(str, stack))
        ):
            history += rows
            average.add(networks, rows[0].epoch)
            fit_s += time.perf_counter() - begun
            for row in rows:
                report_progress(f"{stack[row.fold]} {row.val_accuracy:.4f}")
            if time.perf_counter() - saved > SAVE_EVERY_S:
                saved = time.perf_counter()
                so_far = {"history": _to_array(history), "fit_s": np.array(fit_s)}
                store.save(f"{name}.state", networks.state() | average.state() | so_far)
            yield
            begun = time.perf_counter()
        average.settle(networks)
        done = self._tested(networks, folds) | {"history": _to_array(history), "fit_s": np.array(fit_s)}
        store.save(name, done)
        return done

    def _tested(self, networks: StackedNetworks, folds: Sequence[Fold]) -> dict[str, np.ndarray]:
        """Scores of the test rows, weights, and the seconds that the scores took."""
        first_rows = [fold.test_rows[:1] for fold in folds]
        networks.predict(self._features, first_rows)  # compiles: no part of the time a flow takes
        begun = time.perf_counter()
        scores = networks.predict(self._features, [fold.test_rows for fold in folds])
        done = {"predict_s": np.array(time.perf_counter() - begun)}
        for position, mine in enumerate(scores):
            done[f"scores_{position}"] = mine
            done |= {f"weights_{position}_{i}": w for i, w in enumerate(networks.weights_of(position))}
        return done

    def _start(
        self,
        networks: StackedNetworks,
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

    def _read(
        self, stack: Sequence[Member], done: dict[str, np.ndarray], order: int
    ) -> dict[tuple[str, int], SplitRun]:
        """Turn a stack's arrays into results, by split and fold number."""
        history, found = _from_array(done["history"]), {}
        us_per_flow = float(done["predict_s"]) / sum(len(m.fold.test_rows) for m in stack) * 1e6
        for position, (split, fold) in enumerate(stack):
            mine = [row._replace(fold=fold.number) for row in history if row.fold == position]
            names = [name for name in done if name.startswith(f"weights_{position}_")]
            weights = [done[f"weights_{position}_{i}"] for i in range(len(names))]
            record = self._record(fold, mine, done, len(stack)) | {
                "us_per_flow": us_per_flow,
                "model_bytes": sum(value.nbytes for value in weights),
            }
            truth, scores = self.truth[fold.test_rows].astype(np.int8), done[f"scores_{position}"]
            result = FoldResult(split, fold.number, fold.test_rows, truth, scores, record, order)
            found[split, fold.number] = SplitRun([result], mine, weights)
        return found

    def _record(
        self, fold: Fold, history: Sequence[EpochFigures], done: dict[str, np.ndarray], n_folds: int
    ) -> dict[str, Any]:
        """What folds.json says; the folds trained together, so each is charged its share of the time."""
        best = best_epoch(history, fold.number)._asdict()
        return {
            "fold": fold.number,
            "train_rows": len(fold.train_rows),
            "test_rows": len(fold.test_rows),
            "fit_s": float(done["fit_s"]) / n_folds,
            "predict_s": float(done["predict_s"]) / n_folds,
            "facts": {"parameters": self.shape.n_parameters},
            "untrained_classes": untrained_classes(self.truth[fold.train_rows], self.classes),
            "epochs": max(row.epoch for row in history),
            "best_epoch": {name: best[name] for name in ("epoch", "val_accuracy", "val_loss")},
        }


def _features_of(data: TrainingData, settings: DenseSettings) -> tf.Tensor | RowsInFile:
    """The features as the networks see them; those that are mapped from a file stay there."""
    if isinstance(data.features, np.memmap):
        return RowsInFile(data.features, settings.inputs)
    return tf.constant(network_inputs(data.features, settings.inputs))


def _joined(runs: Sequence[SplitRun]) -> SplitRun:
    """One run of several folds; history by epoch, then fold."""
    history = sorted((row for run in runs for row in run.history), key=lambda row: row.epoch)
    return SplitRun([result for run in runs for result in run.results], history, runs[0].weights)


def _to_array(history: Sequence[EpochFigures]) -> np.ndarray:
    """(rows, 6) float64, exact for the integers in it."""
    return np.array(history, np.float64).reshape(-1, len(EpochFigures._fields))


def _from_array(rows: np.ndarray) -> list[EpochFigures]:
    """The history again."""
    return [EpochFigures(int(fold), int(epoch), *figures) for fold, epoch, *figures in rows.tolist()]
