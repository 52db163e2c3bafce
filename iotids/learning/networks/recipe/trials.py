"""Try recipes on one inner split: those that look alike learn side by side as one stack, each from the same beginning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from iotids.learning.contract import TrainingData
from iotids.learning.data.folds import Fold
from iotids.learning.networks.dense.averaging import LastEpochs
from iotids.learning.networks.dense.chain import network_inputs
from iotids.learning.networks.dense.kind import DenseSettings
from iotids.learning.networks.dense.stacked import StackedNetworks
from iotids.learning.networks.dense.stacked_step import NetworkShape
from iotids.learning.networks.dense.training import TrainingPlan, epoch_batches
from iotids.learning.networks.recipe.inner_split import class_f1
from iotids.learning.networks.recipe.stacks import OWN, stacks


class InnerSplit(NamedTuple):
    """Flows of a training fold, and the rows to learn from and to judge by."""

    data: TrainingData
    learnt: np.ndarray
    judged: np.ndarray


def try_recipes(settings: Sequence[DenseSettings], split: InnerSplit, seed: int) -> list[dict[str, Any]]:
    """Per recipe `macro_f` and `f1` by class on the rows that judge; of one that diverged they are None, and `fault`
    says when.
    """
    found: list[dict[str, Any]] = [{} for _ in settings]
    for places in stacks(settings):
        for place, one in zip(places, _try_stack([settings[i] for i in places], split, seed), strict=True):
            found[place] = one
    return found


def shape_of(settings: Sequence[DenseSettings], data: TrainingData) -> NetworkShape:
    """The stack's shape, with a value per network of what differs; without any dropout no mask is drawn."""
    first = settings[0]
    own: dict[str, Any] = {name: tuple(getattr(one, name) for one in settings) for name in OWN}
    if not any(own["dropout"]):
        own["dropout"] = 0.0
    same = ("depth", "width", "decay", "nesterov", "batch_size", "optimiser")
    return NetworkShape(
        data.features.shape[1], data.n_classes, **own, **{name: getattr(first, name) for name in same}
    )


def _try_stack(settings: Sequence[DenseSettings], split: InnerSplit, seed: int) -> Iterator[dict[str, Any]]:
    """Train, predict, judge."""
    data, first = split.data, settings[0]
    matrix = tf.constant(network_inputs(data.features, first.inputs))
    networks = StackedNetworks(shape_of(settings, data), len(settings))
    faults = _train(networks, matrix, split, first, seed)
    scores = networks.predict(matrix, [split.judged] * len(settings))
    truth = data.truth[split.judged]
    for fault, mine in zip(faults, scores, strict=True):
        if fault or not np.isfinite(mine).all():
            yield {"macro_f": None, "f1": None, "fault": fault or "its scores are no numbers"}
            continue
        f1 = class_f1(truth, mine.argmax(axis=1), data.n_classes)
        macro = float(np.mean([value for value in f1 if value is not None]))
        yield {"macro_f": macro, "f1": dict(zip(data.classes, f1, strict=True))}


def _train(
    networks: StackedNetworks, matrix: tf.Tensor, split: InnerSplit, settings: DenseSettings, seed: int
) -> list[str]:
    """Train a stack on the same batches for all, from the same weights; per network why it was stopped, or ''."""
    classes = tf.constant(split.data.truth.astype(np.int32))
    plan = TrainingPlan(settings.epochs, settings.batch_size, seed, 0)
    fold, faults = Fold(0, split.learnt, split.judged), [""] * networks.n_folds
    networks.start(seed=seed, folds=[0] * networks.n_folds)
    average = LastEpochs(settings.average_epochs, settings.epochs)
    for epoch in range(1, settings.epochs + 1):
        batches = np.repeat(epoch_batches([fold], plan, epoch=epoch), networks.n_folds, axis=1)
        batches[:, [bool(fault) for fault in faults]] = -1
        losses, _ = networks.train_epoch(matrix, classes, batches)
        average.add(networks, epoch)
        for i, loss in enumerate(losses):
            if not faults[i] and not np.isfinite(loss):
                faults[i] = f"training diverged in epoch {epoch}: the loss is {loss}"
    average.settle(networks)
    return faults
