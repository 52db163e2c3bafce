"""A trained dense network: scores by plain NumPy, files, ONNX graphs and smaller forms."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from iotids.learning.contract import ExportForm, Fitted
from iotids.learning.networks.dense.chain import INPUTS, DenseChain, chain_from_weights

WEIGHTS, KERAS = "model.npz", "model.keras"


class DenseModel(Fitted):
    """A trained network.

    Parameters
    ----------
    weights : arrays in Keras' order (gamma, beta, moving mean and variance, then kernel and bias per layer)
    dropout : share of neurons switched off in training; part of the Keras form only
    inputs : raw or log, see DenseChain
    """

    def __init__(self, weights: Sequence[np.ndarray], dropout: float, inputs: str = "raw") -> None:
        self.weights, self.dropout, self.inputs = list(weights), dropout, inputs

    @cached_property
    def chain(self) -> DenseChain:
        """The weights as the graphs use them."""
        return chain_from_weights(self.weights, self.inputs)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k) softmax of the logits."""
        logits = self.chain.logits(features).astype(np.float64)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def save(self, folder: Path) -> None:
        """Write model.npz, and model.keras for users of Keras."""
        from iotids.learning.networks.dense.forms.keras_file import save_keras
        from iotids.learning.networks.dense.keras_network import network_from_weights

        arrays = {f"weights_{i}": value for i, value in enumerate(self.weights)}
        if self.inputs != "raw":
            arrays["inputs"] = np.array(self.inputs)
        np.savez(folder / WEIGHTS, dropout=np.array(self.dropout), **arrays)  # type: ignore[arg-type]
        network = network_from_weights(self.weights, dropout=self.dropout, inputs=self.inputs)
        save_keras(network, folder / KERAS)

    @staticmethod
    def load(folder: Path) -> DenseModel:
        """Read model.npz; ValueError where it is damaged."""
        try:
            with np.load(folder / WEIGHTS, allow_pickle=False) as stored:
                n_weights = sum(name.startswith("weights_") for name in stored.files)
                weights = [stored[f"weights_{i}"] for i in range(n_weights)]
                inputs = str(stored["inputs"]) if "inputs" in stored.files else "raw"
                if inputs not in INPUTS:
                    raise KeyError(f"inputs {inputs!r}; known are {', '.join(INPUTS)}")
                return DenseModel(weights, float(stored["dropout"]), inputs)
        except (KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{folder / WEIGHTS}: not the weights of a network ({error})") from error

    def to_onnx(self) -> bytes:
        """Scaling in float64, layers in float32."""
        from iotids.learning.networks.dense.graphs import logits_graph

        return logits_graph(self.chain, {}).SerializeToString(deterministic=True)

    def gradient_onnx(self) -> bytes:
        """Back-propagation by hand: dense networks need only products and masks."""
        from iotids.learning.networks.dense.graphs import feature_gradient_graph

        return feature_gradient_graph(self.chain).SerializeToString(deterministic=True)

    def export_forms(self) -> Mapping[str, ExportForm]:
        """Integer ONNX and LiteRT."""
        from iotids.learning.networks.dense.forms.forms import export_forms

        return export_forms(self.chain)

    def facts(self) -> dict[str, Any]:
        """Number of trained values; the moving statistics are none."""
        statistics = 2 * self.weights[0].size
        return {"parameters": int(sum(value.size for value in self.weights)) - statistics}

    @property
    def model_bytes(self) -> int:
        """All weights, moving statistics included."""
        return sum(value.nbytes for value in self.weights)
