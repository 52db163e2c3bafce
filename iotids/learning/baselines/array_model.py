"""Baselines of our own: a model is a class whose fitted values are arrays, saved as model.npz."""

from __future__ import annotations

import zipfile
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from iotids.flowmeter.columns.groups import FLOW
from iotids.learning.contract import Fitted, ModelKind, TrainingData

FILE = "model.npz"


class ArrayModel(Fitted):
    """A model that its arrays describe in full. Made with its settings, then fitted."""

    @abstractmethod
    def fit(self, X: np.ndarray, y: np.ndarray, *, n_classes: int, seed: int) -> None:
        """Learn from (n, d) float64 features and (n,) class numbers below `n_classes`; a class may be missing."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that scores depend on, by name."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The model again; it scores, and learns no more."""

    def save(self, folder: Path) -> None:
        """Write model.npz."""
        np.savez(folder / FILE, **self.arrays())  # type: ignore[arg-type]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read model.npz; ValueError where it is damaged."""
        try:
            with np.load(folder / FILE, allow_pickle=False) as stored:
                return cls.from_arrays({name: stored[name] for name in stored.files})
        except (KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{folder / FILE}: not the arrays of a {cls.__name__} ({error})") from error

    @property
    def model_bytes(self) -> int:
        """Size of the arrays."""
        return sum(value.nbytes for value in self.arrays().values())


@dataclass(frozen=True)
class NoSettings:
    """Of a kind that has none."""


@dataclass
class ArrayKind(ModelKind):
    """A kind whose models are arrays.

    Parameters
    ----------
    model : gives the class; called when a model is fitted or loaded, so that naming a kind imports nothing heavy
    """

    name: str
    model: Callable[[], type[ArrayModel]]
    settings_type: type = NoSettings  # type: ignore[misc]
    sees: tuple[str, ...] = (FLOW,)
    by_order: bool = False
    exports_onnx: bool = False
    trains_from_file = True

    def fit(self, data: TrainingData, settings: Any, *, seed: int) -> Fitted:
        """Make a model with the settings and fit it."""
        model = self.model()(**asdict(settings))
        model.fit(data.features, data.truth, n_classes=data.n_classes, seed=seed)
        return model

    def load(self, folder: Path) -> Fitted:
        """The arrays."""
        return self.model().load(folder)
