"""The model in other forms, smaller or for other runtimes; one that gives other verdicts than Keras is not
published.

ONNX takes float64 features and normalises them itself. LiteRT has no float64: its files take features that
were normalised with the figures in reference.json. Integer variants keep that step in float too: in eight
bits a microsecond would be lost in an hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from iotids.detecting.judging.novelty import balanced_rows
from iotids.detecting.judging.operating_point import decide, log_scores, probabilities
from iotids.detecting.package.package import ONNX
from iotids.detecting.packing.assembly import PackSettings, Training, graph_notes
from iotids.learning.networks.dense.chain import DenseChain
from iotids.learning.networks.dense.forms.rounding import rounded_chain
from iotids.learning.networks.dense.graphs import int8_weights_graph, logits_graph

FILES = {
    "onnx": ONNX,
    "onnx_int8_weights": "model.int8-weights.onnx",
    "onnx_int8": "model.int8.onnx",
    "litert": "model.tflite",
    "litert_dynamic": "model.dynamic.tflite",
    "litert_int8": "model.int8.tflite",
    "litert_int16x8": "model.int16x8.tflite",
}
FLOAT = ("onnx", "litert")
COMPARED_FLOWS, SHOWN_FLOWS = 100_000, 8_000


class ExportRefusedError(ValueError):
    """The float ONNX model, without which there is no detector, disagrees with Keras."""


def write_exports(
    folder: Path,
    model: Any,
    chain: DenseChain,
    training: Training,
    manifest: Mapping[str, Any],
    settings: PackSettings,
) -> dict[str, Any]:
    """Write every export into the package folder, compare it with the Keras model, remove it again when it
    disagrees.

    Parameters
    ----------
    folder : Path
        Holds the ONNX model already; it is always compared.
    model : keras.Model
        Softmax outputs for (n, d) features.
    settings : PackSettings
        `exports` are keys of FILES, `agreement` is the smallest share of equal verdicts.

    Returns
    -------
    dict
        Per kind: published, agreement, largest_probability_difference, bytes, flows, and `why` where refused.

    Raises
    ------
    ExportRefusedError
        The float ONNX model itself is refused.
    ValueError
        An unknown kind.
    """
    if unknown := sorted(set(settings.exports) - set(FILES)):
        raise ValueError(f"final.exports: unknown {', '.join(unknown)}; known are {', '.join(FILES)}")
    shown, X = _shown_and_compared(training, settings.seed)
    expected = log_scores(np.asarray(model.predict(X.astype(np.float32), batch_size=8192, verbose=0)))
    rounded = rounded_chain(chain, shown)
    report: dict[str, dict[str, Any]] = {}
    for kind in dict.fromkeys(["onnx", *settings.exports]):
        path = folder / FILES[kind]
        _write(kind, path, chain if kind in FLOAT else rounded, shown, manifest)
        result: dict[str, Any] = {"file": path.name, "bytes": path.stat().st_size}
        result |= compare(expected, logits_of(kind, path, chain, X), manifest)
        report[kind] = result | {"published": result["agreement"] >= settings.agreement}
        if not report[kind]["published"]:
            path.unlink()
            why = f"{result['agreement']:.4%} of the verdicts are those of the Keras model; {settings.agreement:.4%} are wanted"
            report[kind]["why"] = why
            if kind == "onnx":
                raise ExportRefusedError(
                    f"{folder.name}: the ONNX model gives other verdicts than the Keras model: {why}"
                )
    return report


def _shown_and_compared(training: Training, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of two sets of flows without a row in common: those integers are fitted to, and those they are
    judged on.
    """
    order = np.random.default_rng(seed).permutation(len(training.X))
    parts = order[: len(order) // 4], order[len(order) // 4 :]
    counts = (SHOWN_FLOWS, COMPARED_FLOWS)
    shown, compared = (
        training.X[part[balanced_rows(training.truth[part], n, seed)]]
        for part, n in zip(parts, counts, strict=True)
    )
    return shown, compared


def compare(expected: np.ndarray, found: np.ndarray, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Share of equal verdicts and largest difference of a calibrated probability between two sets of logits."""
    temperature, benign = (
        manifest["calibration"]["temperature"],
        list(manifest["classes"]).index(manifest["benign"]),
    )
    settings = {
        "temperature": temperature,
        "benign_index": benign,
        "threshold": manifest["operating_point"]["log_odds"],
    }
    same = decide(expected, **settings)[0] == decide(found, **settings)[0]
    difference = np.abs(probabilities(expected, temperature) - probabilities(found, temperature))
    return {
        "agreement": float(same.mean()),
        "largest_probability_difference": float(difference.max()),
        "flows": int(same.size),
    }


def logits_of(kind: str, path: Path, chain: DenseChain, X: np.ndarray) -> np.ndarray:
    """(n, k) logits of an exported file for (n, d) float64 features, each kind on its own runtime."""
    if kind.startswith("onnx"):
        from iotids.detecting.package.inference import open_graph, run_in_batches

        return run_in_batches(open_graph(path), {"features": X}, "logits", (len(chain.biases[-1]),))
    from iotids.learning.networks.dense.forms.litert import run_litert

    return run_litert(path, chain.normalise(X))


def _write(kind: str, path: Path, chain: DenseChain, shown: np.ndarray, manifest: Mapping[str, Any]) -> None:
    """Write one export; `shown` are flows from which integer variants learn the ranges of their activations."""
    if kind == "onnx_int8":
        from iotids.learning.networks.dense.forms.onnx_int8 import quantize

        quantize(logits_graph(chain, graph_notes(manifest)), path, shown, n_layers=len(chain.kernels))
    elif kind == "onnx_int8_weights":
        path.write_bytes(
            int8_weights_graph(chain, graph_notes(manifest)).SerializeToString(deterministic=True)
        )
    elif kind != "onnx":
        from iotids.learning.networks.dense.forms.litert import convert

        path.write_bytes(convert(chain, kind, chain.normalise(shown)))
