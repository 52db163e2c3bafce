"""Send metrics, parameters and curves of a run to MLflow in as few calls as the store allows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

MAX_VALUES_PER_CALL, MAX_PARAMS_PER_CALL = (
    1000,
    100,
)  # MLflow's limits of log_batch; parameters count as values too
Curve = list[tuple[str, float, int]]
"""(metric, value, epoch)."""


def log(
    client: Any,
    run_id: str,
    scalars: Mapping[str, float | None],
    params: Mapping[str, Any],
    curves: Curve | None = None,
) -> None:
    """Send metrics and parameters in as few calls as the store allows; values that are not numbers are left
    out.

    Six digits: MLflow's table cuts longer ones off (`0.87200000…`), and the files have them all.
    """
    from mlflow.entities import Metric, Param

    now_ms = int(time.time() * 1000)
    # a run's page lists them in this order
    first = sorted(scalars.items(), key=lambda item: not item[0].startswith("test/"))
    metrics = [
        Metric(clean(name), float(f"{value:.6g}"), now_ms, 0) for name, value in first if value is not None
    ]
    metrics += [Metric(name, float(value), now_ms, int(step)) for name, value, step in curves or []]
    shown = [Param(clean(key), str(value)) for key, value in params.items()]
    while metrics or shown:
        some, shown = shown[:MAX_PARAMS_PER_CALL], shown[MAX_PARAMS_PER_CALL:]
        room = MAX_VALUES_PER_CALL - len(some)
        client.log_batch(run_id, metrics=metrics[:room], params=some)
        metrics = metrics[room:]


def clean(name: str) -> str:
    """Replace characters that MLflow refuses in names."""
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in name)
