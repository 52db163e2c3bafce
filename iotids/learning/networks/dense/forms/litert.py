"""The network for LiteRT (TensorFlow Lite): conversion by TensorFlow, running by the small LiteRT
interpreter.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import numpy as np

from iotids.learning.networks.dense.chain import DenseChain

BATCH_ROWS = 4096


def convert(chain: DenseChain, kind: str, shown: np.ndarray) -> bytes:
    """The dense layers as a LiteRT file: normalised features (n, d) float32 -> logits (n, k) float32.

    Parameters
    ----------
    kind : str
        litert (float), litert_dynamic (eight-bit weights), litert_int8 (weights and activations),
        litert_int16x8 (16-bit activations).
    shown : (n, d) float32
        Normalised flows that set the ranges of the integer activations.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(_dense_model(chain))
    if kind != "litert":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind in ("litert_int8", "litert_int16x8"):
        converter.representative_dataset = lambda: ([row[None]] for row in shown)
        wide = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [
            wide if kind == "litert_int16x8" else tf.lite.OpsSet.TFLITE_BUILTINS_INT8
        ]
    with (
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
    ):  # Keras tells at length what it saved where
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        return bytes(converter.convert())


def run_litert(path: Path, normalised: np.ndarray) -> np.ndarray:
    """(n, k) float32 logits of (n, d) float32 normalised features."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    parts, rows = [], 0
    for start in range(0, len(normalised), BATCH_ROWS):
        batch = normalised[start : start + BATCH_ROWS]
        if len(batch) != rows:
            rows = len(batch)
            interpreter.resize_tensor_input(inputs["index"], batch.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(inputs["index"], batch)
        interpreter.invoke()
        parts.append(interpreter.get_tensor(outputs["index"]).copy())
    return np.concatenate(parts)


def _dense_model(chain: DenseChain):  # type: ignore[no-untyped-def]
    """The chain behind its normalisation as a Keras model without softmax."""
    import keras

    last = len(chain.kernels) - 1
    layers = [
        keras.layers.Dense(len(b), activation=None if i == last else "relu")
        for i, b in enumerate(chain.biases)
    ]
    model = keras.Sequential([keras.Input((chain.mean.size,), name="normalised"), *layers])
    model.set_weights([part for pair in zip(chain.kernels, chain.biases, strict=True) for part in pair])
    return model
