"""Run independent pieces of a stage side by side: on this machine, or on a Dask cluster when one is named."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from joblib import Parallel, delayed, parallel_config

from stages.plumbing.progress import progress_bar


def parallel_map(function: Callable[[Any], Any], items: Sequence[Any], *, description: str = "", n_jobs: int = -1) -> list[Any]:
    """Apply `function` to every item and give the results in the order of the items.

    Runs on the local cores (joblib's loky), or on the Dask scheduler at DASK_SCHEDULER_ADDRESS. The address is
    environment and not a parameter, because where a result is computed must not change it or make it stale.
    """
    if len(items) <= 1 or n_jobs == 1:
        return [function(item) for item in items]
    with parallel_config(**_backend()):
        results = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(function)(item) for item in items)
        return list(progress_bar(results, total=len(items), unit="tasks", description=description))


def _backend() -> dict[str, Any]:
    """Name the joblib backend; a Dask client is opened only when an address is given."""
    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    if not address:
        return {"backend": "loky"}
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError("DASK_SCHEDULER_ADDRESS is set, but Dask is not installed: install the extra `dask`") from error
    Client(address)
    return {"backend": "dask"}
