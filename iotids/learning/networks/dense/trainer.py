"""One protocol of one network: train its folds as a stack, test them, and keep what is done so that a broken
run goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from iotids.learning.networks.dense.inputs import Fold
from iotids.learning.networks.dense.stacked import StackedNetworks
from iotids.learning.networks.dense.stacked_step import NetworkShape
from iotids.learning.networks.dense.training import EpochFigures, TrainingPlan, best_epoch, train_epochs
from iotids.learning.runs.checkpoints import Store
from iotids.learning.runs.run_folder import FoldResult
from iotids.learning.scores.scores import score_fold

SAVE_EVERY_S = 60.0  # at most this much work is lost
LEARNING_KEYS = ("width", "dropout", "learning_rate", "momentum", "decay", "nesterov", "batch_size")


@dataclass(frozen=True)
class ProtocolRun:
    """What one protocol gave: a result per fold, the history of all epochs, and the weights of its first fold
    in Keras' order.
    """

    results: list[FoldResult]
    history: list[EpochFigures]
    weights: list[np.ndarray]


class NetworkTrainer:
    """One network configuration on one dataset; protocols run one after the other on the same compiled stack.

    Parameters
    ----------
    features : (n, d) float32
    truth : (n,) integer array
        Index of each row's class.
    class_names
        In the order of the network's outputs.
    settings
        The parameters of conf/network, by attribute.
    benign
        The class that is no attack.
    """

    def __init__(
        self,
        features: np.ndarray,
        truth: np.ndarray,
        class_names: Sequence[str],
        *,
        depth: int,
        settings: Any,
        benign: str,
    ) -> None:
        self.truth, self.class_names, self.benign = truth, class_names, benign
        learning = {name: getattr(settings, name) for name in LEARNING_KEYS}
        self.shape = NetworkShape(
            n_features=features.shape[1], n_classes=len(class_names), depth=depth, **learning
        )
        self.plan = TrainingPlan(settings.epochs, settings.batch_size, settings.seed, settings.patience)
        self._features, self._classes = tf.constant(features), tf.constant(truth.astype(np.int32))
        self._stacks: dict[int, StackedNetworks] = {}

    def run(
        self, protocol: str, folds: Sequence[Fold], store: Store, told: Callable[[str], None] = lambda _: None
    ) -> ProtocolRun:
        """Train and test every fold of a protocol, or take from the store what was done before.

        `told` hears one line per epoch.

        Raises
        ------
        FloatingPointError
            As `training.train_epochs`, with the protocol's name in front.
        """
        try:
            done = store.load(protocol) or self._train(protocol, folds, store, told)
        except FloatingPointError as error:
            raise FloatingPointError(f"split {protocol}: {error}") from error
        return self._read(protocol, folds, done)

    def _train(
        self, protocol: str, folds: Sequence[Fold], store: Store, told: Callable[[str], None]
    ) -> dict[str, np.ndarray]:
        """Train from the start or from the last state in the store; the finished protocol's arrays, stored."""
        networks = self._stack(len(folds))
        history, spent_s = self._start(networks, folds, store.load(f"{protocol}.state"))
        started = saved = time.perf_counter()
        for rows in train_epochs(networks, self._features, self._classes, folds, self.plan, history):
            history += rows
            told(f"{protocol} {np.mean([row.val_accuracy for row in rows]):.4f}")
            if (now := time.perf_counter()) - saved > SAVE_EVERY_S:
                saved = now
                told_so_far = {"history": _to_array(history), "fit_s": np.array(spent_s + now - started)}
                store.save(f"{protocol}.state", networks.state() | told_so_far)
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
        store.save(protocol, done)
        return done

    def _stack(self, n_folds: int) -> StackedNetworks:
        """The stack for this many folds; compiled once and used by every protocol that has as many."""
        if n_folds not in self._stacks:
            self._stacks[n_folds] = StackedNetworks(self.shape, n_folds)
        return self._stacks[n_folds]

    def _start(
        self, networks: StackedNetworks, folds: Sequence[Fold], state: dict[str, np.ndarray] | None
    ) -> tuple[list[EpochFigures], float]:
        """Give the stack fresh weights, or those of a stored state; its history and the seconds it took."""
        if state is None:
            networks.start(seed=self.plan.seed, folds=[fold.number for fold in folds])
            return [], 0.0
        networks.restore(state)
        return _from_array(state["history"]), float(state["fit_s"])

    def _read(self, protocol: str, folds: Sequence[Fold], done: dict[str, np.ndarray]) -> ProtocolRun:
        """Turn stored arrays into results; the folds trained together, so each is charged an equal share of
        the time.
        """
        history = _from_array(done["history"])
        weights = [done[f"weights_{i}"] for i in range(sum(name.startswith("weights_") for name in done))]
        us_per_flow = float(done["predict_s"]) / sum(len(fold.test_rows) for fold in folds) * 1e6
        results = []
        for fold in folds:
            scores, truth = done[f"scores_{fold.number}"], self.truth[fold.test_rows]
            best = best_epoch(history, fold.number)._asdict()
            record = {
                "fold": fold.number,
                "train_rows": len(fold.train_rows),
                "test_rows": len(fold.test_rows),
                "fit_s": float(done["fit_s"]) / len(folds),
                "predict_s": float(done["predict_s"]) / len(folds),
                "us_per_flow": us_per_flow,
                "model_bytes": sum(value.nbytes for value in weights),
                "epochs": max(row.epoch for row in history if row.fold == fold.number),
                "best_epoch": {name: best[name] for name in ("epoch", "val_accuracy", "val_loss")},
                "metrics": self._score(fold, scores),
                "untrained_classes": [
                    name
                    for name, there in zip(self.class_names, self._trained(fold), strict=True)
                    if not there
                ],
            }
            results.append(
                FoldResult(protocol, fold.number, fold.test_rows, truth.astype(np.int8), scores, record)
            )
        return ProtocolRun(results, history, weights)

    def _score(self, fold: Fold, scores: np.ndarray) -> dict[str, float]:
        """Scores of the network after its last epoch."""
        return score_fold(
            self.truth[fold.test_rows],
            scores,
            self.class_names,
            trained=self._trained(fold),
            benign=self.benign,
        )

    def _trained(self, fold: Fold) -> np.ndarray:
        """(k,) bool: the class stands in the fold's training part."""
        return np.bincount(self.truth[fold.train_rows], minlength=len(self.class_names)) > 0


def history_columns(histories: Mapping[str, Sequence[EpochFigures]]) -> dict[str, list]:
    """Columns of history.parquet from each protocol's history."""
    rows = [
        {"protocol": protocol, **figures._asdict()}
        for protocol, history in histories.items()
        for figures in history
    ]
    return {name: [row[name] for row in rows] for name in ("protocol", *EpochFigures._fields)}


def _to_array(history: Sequence[EpochFigures]) -> np.ndarray:
    """(rows, 6) float64, exact for the integers in it."""
    return np.array(history, np.float64).reshape(-1, len(EpochFigures._fields))


def _from_array(rows: np.ndarray) -> list[EpochFigures]:
    """The history again."""
    return [EpochFigures(int(fold), int(epoch), *figures) for fold, epoch, *figures in rows.tolist()]
