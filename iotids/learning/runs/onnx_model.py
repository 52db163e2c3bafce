"""A fitted model that is an ONNX graph: run by onnxruntime, saved as the file it is."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iotids.learning.contract import Fitted

if TYPE_CHECKING:
    import onnxruntime

FILE = "model.onnx"
BATCH_ROWS = 4096


class OnnxModel(Fitted):
    """`features` (n, d) float64 -> `logits` (n, k) float32.

    Parameters
    ----------
    content : bytes of the file
    """

    def __init__(self, content: bytes) -> None:
        self.content = content

    @cached_property
    def session(self) -> onnxruntime.InferenceSession:
        """The graph, opened at first use, on one thread: sums run in the same order on every machine."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(self.content, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            if type(error).__module__.startswith("onnxruntime"):
                raise ValueError(f"not a model that onnxruntime reads: {str(error)[:200]}") from error
            raise

    def __getstate__(self) -> dict[str, Any]:
        """A session cannot be sent to a worker; its bytes can."""
        return {"content": self.content}

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(n, k) float32, a batch of rows at a time."""
        features = np.ascontiguousarray(features, np.float64)
        parts = [np.zeros((0, self.session.get_outputs()[0].shape[1]), np.float32)]
        for start in range(0, len(features), BATCH_ROWS):  # some converted graphs refuse no rows at all
            batch = {"features": features[start : start + BATCH_ROWS]}
            parts.append(self.session.run(["logits"], batch)[0])
        return np.concatenate(parts)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k) softmax of the logits."""
        logits = self.logits(features).astype(np.float64)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def save(self, folder: Path) -> None:
        """Write model.onnx."""
        (folder / FILE).write_bytes(self.content)

    @staticmethod
    def load(folder: Path) -> OnnxModel:
        """Read model.onnx; ValueError where onnxruntime refuses it."""
        model = OnnxModel((folder / FILE).read_bytes())
        model.session.get_inputs()  # opens it
        return model

    def to_onnx(self) -> bytes:
        """The file's content."""
        return self.content

    @property
    def model_bytes(self) -> int:
        """Size of the file."""
        return len(self.content)
