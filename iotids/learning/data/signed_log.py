"""The signed logarithm: bytes and microseconds over nine decades become numbers from about -20 to 20."""

from __future__ import annotations

import numpy as np

BLOCK_ROWS = 16_384


def signed_log(X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """sign(x) log(1 + |x|), computed in float64 a block of rows at a time.

    Parameters
    ----------
    X : (n, ...) float
    out : takes the result in its own type; may be `X` itself. By default a new float64 array.
    """
    X = np.asarray(X)
    logs = np.empty(X.shape, np.float64) if out is None else out
    for begin in range(0, len(X), BLOCK_ROWS):
        rows = slice(begin, begin + BLOCK_ROWS)
        block = np.abs(X[rows], dtype=np.float64)
        logs[rows] = np.copysign(np.log1p(block, out=block), X[rows], out=block)
    return logs
