"""Another kind of network, for the test that adds one: a hidden layer of tanh, trained by plain gradient descent.

Copied to iotids/learning/networks/shallow.py; it shows all that a kind must bring.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iotids.learning.contract import Fitted, ModelKind, TrainingData, check_training
from iotids.learning.data.folds import Fold, check_two_classes
from iotids.learning.runs.onnx_model import OnnxModel


@dataclass(frozen=True)
class ShallowSettings:
    """Neurons, steps over all rows, and their rate."""

    neurons: int = 8
    steps: int = 100
    rate: float = 0.5


class ShallowKind(ModelKind):
    """Signed logarithms of the features, standardised; one hidden layer."""

    name = "shallow"
    settings_type = ShallowSettings

    def fit(self, data: TrainingData, settings: ShallowSettings, *, seed: int) -> Fitted:
        """Cross-entropy, all rows in every step."""
        check_training(data.features, data.truth, n_classes=data.n_classes)
        rows = np.arange(data.truth.size)
        check_two_classes([Fold(0, rows, rows)], data.truth, data.classes)
        rng, wanted = np.random.default_rng(seed), np.eye(data.n_classes)[data.truth]
        x = np.sign(data.features) * np.log1p(np.abs(data.features))
        mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
        x = (x - mean) / spread
        hidden = rng.normal(0, 0.3, (x.shape[1], settings.neurons))
        outer = rng.normal(0, 0.3, (settings.neurons, data.n_classes))
        for _ in range(settings.steps):
            signal = np.tanh(x @ hidden)
            shares = np.exp(signal @ outer)
            error = (shares / shares.sum(axis=1, keepdims=True) - wanted) / len(x)
            back = error @ outer.T * (1 - signal**2)
            outer -= settings.rate * signal.T @ error
            hidden -= settings.rate * x.T @ back
        return OnnxModel(onnx_of(mean, spread, hidden, outer))

    def load(self, folder: Path) -> Fitted:
        """The ONNX form is all there is."""
        return OnnxModel.load(folder)


def onnx_of(mean: np.ndarray, spread: np.ndarray, hidden: np.ndarray, outer: np.ndarray) -> bytes:
    """The network as a graph."""
    from onnx import TensorProto, helper, numpy_helper

    values = {"one": np.array(1.0), "mean": mean, "spread": spread, "hidden": hidden, "outer": outer}
    steps = [
        ("Sign", ["features"], "sign"),
        ("Abs", ["features"], "size"),
        ("Add", ["size", "one"], "size_plus_one"),
        ("Log", ["size_plus_one"], "log_size"),
        ("Mul", ["sign", "log_size"], "logs"),
        ("Sub", ["logs", "mean"], "centred"),
        ("Div", ["centred", "spread"], "scaled"),
        ("MatMul", ["scaled", "hidden"], "sums"),
        ("Cast", ["sums"], "sums_float"),
        ("Tanh", ["sums_float"], "signal"),
        ("Cast", ["outer"], "outer_float"),
        ("MatMul", ["signal", "outer_float"], "logits"),
    ]
    nodes = [
        helper.make_node(op, given, [out], **({"to": TensorProto.FLOAT} if op == "Cast" else {}))
        for op, given, out in steps
    ]
    graph = helper.make_graph(
        nodes,
        "shallow",
        [helper.make_tensor_value_info("features", TensorProto.DOUBLE, ["n", mean.size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", outer.shape[1]])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()
