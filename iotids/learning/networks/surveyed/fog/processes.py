"""Nodes as processes of their own over loopback, by Dask: each holds its flows, parameters are what crosses the wire."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from distributed import Client, LocalCluster

from iotids.learning.networks.surveyed.fog.nodes import Node

START_S = 120.0  # for all processes to start
ANSWER_S = 600.0  # for a node to learn an epoch


class NodesInProcesses:
    """Nodes that live in one process each; `ask` lets them work at the same time. `rows` and `lost` as in NodesHere."""

    def __init__(self, actors: Sequence[Any], rows: Sequence[int]) -> None:
        self._alive = dict(enumerate(actors))
        self._rows = list(rows)
        self.lost: list[int] = []

    @property
    def rows(self) -> list[int]:
        """Flows of the nodes that live."""
        return [self._rows[number] for number in self._alive]

    def ask(self, what: str, *given: Any) -> list[Any]:
        """Call a method of every node that lives; answers in the order of nodes.

        A node whose process died is left out from then on, with a warning. Raises ValueError when none is left.
        """
        asked = {number: getattr(actor, what)(*given) for number, actor in self._alive.items()}
        answers = []
        for number, future in asked.items():
            try:
                answers.append(future.result(timeout=ANSWER_S))
            except (ValueError, OSError) as error:
                self._lose(number, error)
        if not self._alive:
            raise ValueError("no node of the fog is left: the processes of all of them ended; train again")
        return answers

    def _lose(self, number: int, error: Exception) -> None:
        """Leave a node out."""
        del self._alive[number]
        self.lost.append(number)
        warnings.warn(
            f"fog: the process of node {number + 1} ended ({error}); training continues on {len(self._alive)} nodes without its "
            f"{self._rows[number]:,} flows",
            stacklevel=3,
        )


@contextmanager
def nodes_in_processes(
    spec: Any, arrays: Mapping[str, np.ndarray], parts: Sequence[tuple[Any, ...]]
) -> Iterator[NodesInProcesses]:
    """Start a process per node, one thread each, on 127.0.0.1; `parts` are the arguments of `Node` after its parameters."""
    cluster = LocalCluster(
        n_workers=len(parts), threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    )
    with cluster, Client(cluster) as client:
        client.wait_for_workers(len(parts), timeout=START_S)
        workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
        started = [
            client.submit(Node, spec, dict(arrays), *part, actor=True, workers=[worker], pure=False)
            for worker, part in zip(workers, parts, strict=True)
        ]
        yield NodesInProcesses(
            [future.result(timeout=START_S) for future in started], [part[1].size for part in parts]
        )
