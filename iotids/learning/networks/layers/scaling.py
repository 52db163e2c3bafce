"""How features become inputs of a network: fitted on the training rows, written into the ONNX graph in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iotids.learning.data.signed_log import signed_log

if TYPE_CHECKING:
    from iotids.learning.runs.onnx_graph import Part

SCALINGS = ("none", "standard", "log", "minmax", "log_minmax", "row_norm")


@dataclass(frozen=True)
class Scaling:
    """(f(x) - shift) / spread, with f the signed logarithm for 'log'; 'row_norm' divides a row by its length.

    Min-max scalings are clipped to 0 to 1, so that a test row cannot leave the range.
    """

    kind: str
    shift: np.ndarray
    spread: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(n, d) float32."""
        x = np.asarray(features, np.float64)
        if self.kind == "row_norm":
            return (x / np.maximum(np.sqrt((x * x).sum(axis=1, keepdims=True)), 1e-12)).astype(np.float32)
        if self.kind.startswith("log"):
            x = signed_log(x)
        x = (x - self.shift) / self.spread
        return (np.clip(x, 0.0, 1.0) if self.kind.endswith("minmax") else x).astype(np.float32)

    def inverse(self, x: np.ndarray) -> np.ndarray:
        """(n, d) float64 features of scaled ones; not for 'row_norm', which forgets a row's length."""
        if self.kind == "row_norm":
            raise ValueError("rows that were divided by their length cannot be scaled back")
        y = np.asarray(x, np.float64) * self.spread + self.shift
        return np.sign(y) * np.expm1(np.abs(y)) if self.kind.startswith("log") else y

    def onnx(self) -> Part:
        """From `features` to `scaled`."""
        from iotids.learning.runs.onnx_graph import Part, cast, constant, node, signed_log_nodes

        if self.kind == "row_norm":
            nodes = [
                node("ReduceL2", ["features"], "lengths", axes=[1], keepdims=1),
                node("Max", ["lengths", "shortest"], "row_lengths"),
                node("Div", ["features", "row_lengths"], "divided"),
                cast("divided", "scaled", np.float32),
            ]
            return Part(nodes, [constant("shortest", np.array(1e-12))])
        nodes, source = [], "features"
        if self.kind.startswith("log"):
            nodes = signed_log_nodes()
            source = "signed_log"
        nodes += [node("Sub", [source, "shift"], "shifted"), node("Div", ["shifted", "spread"], "divided")]
        if self.kind.endswith("minmax"):
            nodes.append(node("Clip", ["divided", "zero", "one"], "clipped"))
        nodes.append(cast(nodes[-1].output[0], "scaled", np.float32))
        values = {"shift": self.shift, "spread": self.spread}
        if self.kind.startswith("log") or self.kind.endswith("minmax"):
            values |= {"one": np.array(1.0)}
        if self.kind.endswith("minmax"):
            values |= {"zero": np.array(0.0)}
        return Part(nodes, [constant(name, value) for name, value in values.items()])


def fit_scaling(kind: str, features: np.ndarray) -> Scaling:
    """The scaling of training rows; constant columns are only shifted."""
    x = np.asarray(features, np.float64)
    if kind.startswith("log"):
        x = signed_log(x)
    shift, spread = np.zeros(x.shape[1]), np.ones(x.shape[1])
    if kind in ("standard", "log"):
        shift, spread = x.mean(axis=0), x.std(axis=0)
    elif kind.endswith("minmax"):
        shift = x.min(axis=0)
        spread = x.max(axis=0) - shift
    constant_column = spread <= 1e-9 * np.maximum(1.0, np.abs(shift))
    return Scaling(kind, shift, np.where(constant_column, 1.0, spread))
