"""The further forms of a dense network by name, each with its file, its writer and its own runtime.

ONNX takes float64 features and normalises them itself. LiteRT has no float64: its files take features that
were normalised before. Integer forms keep that step in float too: in eight bits a microsecond would be lost
in an hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from iotids.learning.contract import ExportForm
from iotids.learning.networks.dense.chain import DenseChain

LITERT = {
    "litert": "model.tflite",
    "litert_dynamic": "model.dynamic.tflite",
    "litert_int8": "model.int8.tflite",
    "litert_int16x8": "model.int16x8.tflite",
}


def export_forms(chain: DenseChain) -> Mapping[str, ExportForm]:
    """Every further form of one network."""
    scaling: dict[str, Any] = {name: getattr(chain, name).tolist() for name in ("mean", "scale", "offset")}
    if chain.inputs != "raw":
        scaling["inputs"] = chain.inputs
    litert = {
        name: ExportForm(
            file, partial(_litert, chain, name), partial(_litert_logits, chain), {"normalise": scaling}
        )
        for name, file in LITERT.items()
    }
    return {
        "onnx_int8_weights": ExportForm(
            "model.int8-weights.onnx", partial(_int8_weights, chain), _onnx_logits
        ),
        "onnx_int8": ExportForm("model.int8.onnx", partial(_int8, chain), _onnx_logits),
        **litert,
    }


def _int8_weights(chain: DenseChain, shown: np.ndarray) -> bytes:
    """Kernels rounded to eight bits for the flows shown."""
    from iotids.learning.networks.dense.forms.rounding import rounded_chain
    from iotids.learning.networks.dense.graphs import int8_weights_graph

    return int8_weights_graph(rounded_chain(chain, shown), {}).SerializeToString(deterministic=True)


def _int8(chain: DenseChain, shown: np.ndarray) -> bytes:
    """Eight-bit weights and activations in the hidden layers."""
    from iotids.learning.networks.dense.forms.onnx_int8 import quantize
    from iotids.learning.networks.dense.forms.rounding import rounded_chain
    from iotids.learning.networks.dense.graphs import logits_graph

    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        quantize(logits_graph(rounded_chain(chain, shown), {}), path, shown, n_layers=len(chain.kernels))
        return path.read_bytes()


def _litert(chain: DenseChain, name: str, shown: np.ndarray) -> bytes:
    """A LiteRT file; integer ones from rounded kernels."""
    from iotids.learning.networks.dense.forms.litert import convert
    from iotids.learning.networks.dense.forms.rounding import rounded_chain

    layers = chain if name == "litert" else rounded_chain(chain, shown)
    return convert(layers, name, chain.normalise(shown))


def _onnx_logits(path: Path, features: np.ndarray) -> np.ndarray:
    """(n, k) logits by onnxruntime."""
    from iotids.learning.runs.onnx_model import OnnxModel

    return OnnxModel(path.read_bytes()).logits(features)


def _litert_logits(chain: DenseChain, path: Path, features: np.ndarray) -> np.ndarray:
    """(n, k) logits by the LiteRT interpreter, of features normalised here."""
    from iotids.learning.networks.dense.forms.litert import run_litert

    return run_litert(path, chain.normalise(features))
