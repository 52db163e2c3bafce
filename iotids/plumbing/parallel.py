"""Run independent pieces of a stage side by side: on this machine, or on a Dask cluster when one is named."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from iotids.plumbing.progress import progress_bar

ADDRESS = "DASK_SCHEDULER_ADDRESS"
WAIT_FOR_WORKERS_S = 15  # a worker that was started together with the stage takes longer to come up
HOW_TO_START = "start scheduler and workers in a checkout of the same commit with PYTHONPATH=., workers with --nthreads 1 (docs/scaling-out.md)"


def parallel_map(
    function: Callable[[Any], Any], items: Sequence[Any], *, description: str = "", n_jobs: int = -1
) -> list[Any]:
    """Apply `function` to every item and give the results in the order of the items.

    Runs on the local cores (joblib's loky), or on the Dask scheduler at DASK_SCHEDULER_ADDRESS. The address
    is environment and not a parameter, because where a result is computed must not change it or make it
    stale. Dask's workers need the same code, and the same files at the same paths.

    Raises
    ------
    ConnectionError, ImportError
        No Dask, no scheduler at the address, no workers, or workers with other code; the message says what to
        do.
    """
    if len(items) <= 1 or n_jobs == 1:
        return [function(item) for item in items]
    from joblib import (
        Parallel,
        delayed,
        parallel_config,
    )  # a tenth of a second, which a command with one capture need not wait for

    with _backend() as (backend, wrap), parallel_config(backend=backend):
        results = Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(wrap(function))(item) for item in items
        )
        return list(progress_bar(results, total=len(items), unit="tasks", description=description))


@contextlib.contextmanager
def _backend() -> Iterator[tuple[str, Callable]]:
    """Name the joblib backend and how functions are wrapped for it; a Dask client lives as long as the block."""
    address = os.environ.get(ADDRESS)
    if not address:
        yield "loky", lambda function: function
        return
    with _dask_client(address) as client:
        _check_workers(client, address)
        yield "dask", lambda function: partial(run_in_folder, str(Path.cwd()), function)


def _dask_client(address: str) -> Any:
    """Connect to the scheduler."""
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError(
            f"{ADDRESS} is set, but Dask is not installed: `uv pip install distributed`, or unset {ADDRESS}"
        ) from error
    try:
        return Client(address, timeout="10s", set_as_default=True)
    except (OSError, ValueError) as error:
        advice = f"Start `PYTHONPATH=. dask scheduler`, or unset {ADDRESS}"
        raise ConnectionError(
            f"{ADDRESS}={address}: no scheduler answers there ({error}). {advice}"
        ) from error


def _check_workers(client: Any, address: str) -> None:
    """Refuse workers that would run other code than this process: nothing else would notice that the result
    is another.

    The scheduler must see the code, too: one that cannot read a task drops it, and the caller would wait for
    ever.
    """
    try:
        client.run_on_scheduler(_code_digest_there)
    except ModuleNotFoundError as error:
        raise ConnectionError(
            f"the Dask scheduler at {address} does not see this project's code ({error}): {HOW_TO_START}"
        ) from error
    with contextlib.suppress(TimeoutError):
        client.wait_for_workers(1, timeout=WAIT_FOR_WORKERS_S)
    if not client.scheduler_info()["workers"]:
        raise ConnectionError(f"{address} has a scheduler but no workers: {HOW_TO_START}")
    answers = client.run(_code_digest_there, on_error="return")
    wrong = {worker: answer for worker, answer in answers.items() if answer != code_digest()}
    if wrong:
        worker, answer = next(iter(wrong.items()))
        raise ConnectionError(
            f"{len(wrong)} of {len(answers)} Dask workers run other code than this one ({worker}: {answer}): {HOW_TO_START}"
        )


def _code_digest_there() -> str:
    """Give the worker's own digest; it is sent by name, so the worker answers with the code it has."""
    return code_digest()


def code_digest() -> str:
    """Hash the Python files of `iotids` and, where they lie beside it, of `stages`, as this process runs
    them.
    """
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for path in sorted(path for package in ("iotids", "stages") for path in (root / package).rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def run_in_folder(folder: str, function: Callable[[Any], Any], item: Any) -> Any:
    """Call `function(item)` with the caller's current folder, so that relative paths mean the same on a
    worker.

    Raises
    ------
    FileNotFoundError
        The worker does not see the folder.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(
            f"{folder}: not on this Dask worker; workers need the same files at the same paths (docs/scaling-out.md)"
        )
    with contextlib.chdir(folder):
        return function(item)
