"""The ONNX model with eight-bit weights and activations in its hidden layers.

The first layer stays in float: its inputs have long tails (a few flows are a thousand spreads away from the
mean), and eight bits over that range would leave one step for all others. The last stays in float because its
outputs are what is compared with a threshold.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

if TYPE_CHECKING:
    import onnx


class _Flows(CalibrationDataReader):
    """Hands flows to the calibration in batches."""

    def __init__(self, X: np.ndarray) -> None:
        self._batches: Iterator[np.ndarray] = iter(np.array_split(X, max(1, len(X) // 500)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch, None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {"features": batch}


def quantize(source: onnx.ModelProto, target: Path, X: np.ndarray, *, n_layers: int) -> None:
    """Write the integer variant of a float graph.

    Parameters
    ----------
    X : (n, d) float64
        Flows whose activations set the ranges; what lies beyond is cut off.
    n_layers : int
        Dense layers in the graph; the first and the last stay as they are.
    """
    inner = [f"dense_{i}" for i in range(1, n_layers - 1)]
    quantize_static(
        source,
        str(target),
        _Flows(X),
        quant_format=QuantFormat.QDQ,
        nodes_to_quantize=inner,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
    )
