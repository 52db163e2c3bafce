"""A trained classifier of layers: scaling, network, softmax; one file, one ONNX graph."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from iotids.learning.contract import Fitted
from iotids.learning.networks.layers.layer import Layer
from iotids.learning.networks.layers.scaling import Scaling
from iotids.learning.networks.layers.stored import network_arrays, network_of_arrays
from iotids.learning.networks.layers.training import softmax

FILE = "model.npz"
BLOCK_ROWS = 8192
UNSEEN_LOGIT = -60.0  # of a class without a training row


class LayerModel(Fitted):
    """A network of features.

    Parameters
    ----------
    seen : (k,) bool: the class had a training row; the others get next to no score
    trained_by : what training says of itself, for `facts`
    """

    def __init__(
        self, scaling: Scaling, network: Layer, seen: np.ndarray, trained_by: Mapping[str, Any]
    ) -> None:
        self.scaling, self.network, self.seen = scaling, network, np.asarray(seen, bool)
        self.trained_by = dict(trained_by)

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(n, k) float64, a block of rows at a time."""
        parts = [np.zeros((0, self.seen.size))]
        for start in range(0, len(features), BLOCK_ROWS):
            block = self.scaling(features[start : start + BLOCK_ROWS])
            parts.append(self.network.forward(block).astype(np.float64))
        return np.where(self.seen, np.concatenate(parts), UNSEEN_LOGIT)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k) softmax of the logits."""
        return softmax(self.logits(features))

    def to_onnx(self) -> bytes:
        """Scaling in float64, layers in float32."""
        from iotids.learning.runs.onnx_graph import model_bytes

        scaling = self.scaling.onnx()
        last, part = self.network.onnx("scaled", "layer")
        parts = [scaling, part, seen_part(last, self.seen)]
        return model_bytes(parts, n_features=self.scaling.shift.size, n_classes=self.seen.size)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that scores depend on."""
        return scaling_arrays(self.scaling) | {"seen": self.seen} | network_arrays(self.network, "network")

    def save(self, folder: Path) -> None:
        """Write model.npz."""
        np.savez(folder / FILE, **self.arrays())  # type: ignore[arg-type]

    @staticmethod
    def load(folder: Path) -> LayerModel:
        """Read model.npz; ValueError where it is damaged."""
        arrays = read_arrays(folder)
        with refusing(folder):
            network = network_of_arrays(arrays, "network")
            return LayerModel(scaling_of_arrays(arrays), network, arrays["seen"], {})

    def facts(self) -> dict[str, Any]:
        """Number of trained values, and what training says."""
        parameters = sum(layer.values[name].size for layer, name in self.network.trained())
        return {"parameters": int(parameters)} | self.trained_by

    @property
    def model_bytes(self) -> int:
        """Size of the network's values."""
        return sum(value.nbytes for value in self.network.arrays().values())


def seen_part(source: str, seen: np.ndarray) -> Any:
    """ONNX nodes from a network's output to `logits`: classes without a training row get next to nothing."""
    from iotids.learning.runs.onnx_graph import Part, constant, node

    if seen.all():
        return Part([node("Identity", [source], "logits")], [])
    values = [constant("seen", seen), constant("unseen_logit", np.array(UNSEEN_LOGIT, np.float32))]
    return Part([node("Where", ["seen", source, "unseen_logit"], "logits")], values)


def scaling_arrays(scaling: Scaling) -> dict[str, np.ndarray]:
    """Of a file."""
    return {"scaling": np.array(scaling.kind), "shift": scaling.shift, "spread": scaling.spread}


def scaling_of_arrays(arrays: Mapping[str, np.ndarray]) -> Scaling:
    """From a file."""
    return Scaling(str(arrays["scaling"]), arrays["shift"], arrays["spread"])


def read_arrays(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of model.npz; nothing in it is executed. ValueError where it is damaged."""
    with refusing(folder), np.load(folder / FILE, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


class refusing:  # noqa: N801
    """Turn what a damaged model.npz raises into one ValueError."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> None:
        """Named errors for everything a foreign file can do."""
        if isinstance(error, (KeyError, EOFError, TypeError, ValueError, zipfile.BadZipFile)):
            raise ValueError(f"{self.path}: not the arrays of a network ({error})") from error
