"""The paper's network as a kind of model: batch normalisation, then `depth` dense layers with dropout, softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iotids.learning.contract import (
    CrossValidation,
    Fitted,
    ModelKind,
    RunContext,
    TrainingData,
    check_training,
)
from iotids.learning.data.folds import Fold, check_two_classes
from iotids.learning.networks.dense.batches import bytes_needed
from iotids.learning.networks.dense.chain import INPUTS
from iotids.learning.networks.dense.fitted import DenseModel
from iotids.learning.networks.tensorflow_start import prepare_tensorflow

if TYPE_CHECKING:
    from iotids.learning.networks.dense.trainer import DenseTrainer

OPTIMISERS = ("sgd", "adam")
SEED_STEP = 1000  # between the seeds of two orders, as runs.cross_validation has it


@dataclass(frozen=True)
class DenseSettings:
    """conf/network/default.yaml says what each setting means and where it comes from."""

    depth: int
    width: int = 64
    batch_size: int = 256
    epochs: int = 50
    learning_rate: float = 0.1
    momentum: float = 0.09
    decay: float = 1e-6
    nesterov: bool = True
    dropout: float = 0.2
    patience: int = 0
    folds_per_stack: int = 2
    optimiser: str = "sgd"
    inputs: str = "raw"
    average_epochs: int = 1
    shuffle_block_rows: int = 0

    def __post_init__(self) -> None:
        """Refuse values that no network can be trained with, by name."""
        for key in (
            "depth",
            "width",
            "batch_size",
            "epochs",
            "learning_rate",
            "folds_per_stack",
            "average_epochs",
        ):
            if not getattr(self, key) > 0:
                raise ValueError(
                    f"network.{key} is {getattr(self, key)}; it must be above 0: give another with -S network.{key}=…"
                )
        if self.shuffle_block_rows < 0:
            raise ValueError(
                f"network.shuffle_block_rows is {self.shuffle_block_rows}; it is a number of rows, or 0 for all of a fold"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(
                f"network.dropout is {self.dropout}; it is a share of neurons, from 0 to below 1"
            )
        if self.average_epochs > (self.epochs if self.patience == 0 else 1):
            raise ValueError(
                f"network.average_epochs is {self.average_epochs} with network.epochs {self.epochs} and network.patience "
                f"{self.patience}; the mean is over the last of all epochs: at most epochs, and with patience only 1"
            )
        for key, known in {"optimiser": OPTIMISERS, "inputs": INPUTS}.items():
            if getattr(self, key) not in known:
                raise ValueError(f"{key} is {getattr(self, key)!r}; known are {', '.join(known)}")


class DenseKind(ModelKind):
    """Pecori et al., IJCNN 2020, Sec. IV-B and V-B: DL4 to DL7 are depths 4 to 7. Folds train in stacks."""

    name = "dense"
    settings_type = DenseSettings
    dtype = np.float32
    trains_from_file = True

    def fit(self, data: TrainingData, settings: DenseSettings, *, seed: int) -> Fitted:
        """Train on every row, with the code and the settings of cross-validation.

        Raises
        ------
        ValueError
            One class only, or a feature that is no number.
        FloatingPointError
            Training diverged.
        """
        check_training(data.features, data.truth, n_classes=data.n_classes)
        rows = np.arange(data.truth.size)
        check_two_classes([Fold(0, rows, rows)], data.truth, data.classes)
        return DenseModel(
            _trainer_class()(data, settings, seed=seed).train_on_all(), settings.dropout, settings.inputs
        )

    def fit_folds(
        self,
        data: TrainingData,
        splits: Mapping[str, Sequence[Fold]],
        settings: DenseSettings,
        *,
        seed: int,
        orders: int,
        context: RunContext,
    ) -> CrossValidation:
        """Train the folds of all splits in stacks; a further order is a further seed, of which the history is not kept."""
        for name, folds in splits.items():
            try:
                check_two_classes(folds, data.truth, data.classes)
            except ValueError as error:
                raise ValueError(f"split {name}: {error}") from error
        runs = [
            _trainer_class()(data, settings, seed=seed + SEED_STEP * order).run(
                splits, context.store, context.report_progress, order=order, n_threads=context.n_threads
            )
            for order in range(orders)
        ]
        return CrossValidation(
            [result for name in splits for run in runs for result in run[name].results],
            DenseModel(next(iter(runs[0].values())).weights, settings.dropout, settings.inputs),
            _trainer_class().history_columns({name: runs[0][name].history for name in splits}),
        )

    def load(self, folder: Path) -> Fitted:
        """Weights and dropout rate."""
        return DenseModel.load(folder)

    def bytes_needed(
        self,
        n_rows: int,
        n_features: int,
        n_classes: int,
        splits: Mapping[str, Sequence[Fold]],
        settings: DenseSettings,
    ) -> int:
        """The matrix, batches of all folds, activations and weights of their stacks."""
        return bytes_needed(n_rows, n_classes, splits, settings, n_features)


def _trainer_class() -> type[DenseTrainer]:
    """The trainer; TensorFlow takes seconds to import."""
    prepare_tensorflow()
    from iotids.learning.networks.dense.trainer import DenseTrainer

    return DenseTrainer
