"""Test one classical or streaming model on every fold of every split.

In: out/dataset/flows.parquet, out/splits/<split>.parquet. Out: a run folder (iotids.learning.runs.run_folder).
Paper: Table III, rows HT and NB; the other models are the baselines that table lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from iotids.learning.baselines.registry import BASELINES
from iotids.learning.contract import RunContext, configured
from iotids.learning.runs.arguments import read_arguments
from iotids.learning.runs.inputs import check_memory, fits_side_by_side, read_inputs
from iotids.learning.runs.run_folder import Configuration, write_run
from iotids.learning.runs.unfinished import Unfinished
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.machine import available_memory_bytes, usable_cores
from iotids.plumbing.parallel import code_digest, parallel_map
from iotids.plumbing.params import read_data, read_section


@dataclass(frozen=True)
class Params:
    """Section `baseline`: models and tasks of the DAG, splits, seed, orders of the streaming models, settings by
    model.
    """

    models: tuple[str, ...]
    tasks: tuple[str, ...]
    splits: tuple[str, ...]
    seed: int
    order_seeds: int
    settings: dict[str, dict[str, Any]]

    def __post_init__(self) -> None:
        """Refuse unknown models and settings that cannot work, by name."""
        for model in {*self.models, *self.settings}:
            configured(model, self.settings, BASELINES)


def main() -> None:
    """Read, fit all folds (or continue), write the run folder."""
    args = read_arguments(__doc__.splitlines()[0])
    params, data, free = read_section("baseline", Params), read_data(), available_memory_bytes()
    kind, settings = configured(args.model, params.settings, BASELINES)
    names = (params.splits, data.classes, data.benign)
    inputs = read_inputs(args.dataset, args.splits, kind, args.task, *names, free_bytes=0)
    check_memory(inputs, kind, settings, free)
    orders = params.order_seeds if kind.by_order else 1
    configuration = Configuration("baseline", args.task, args.model, kind, settings, params.seed, orders)
    store = Unfinished(args.out, inputs.fingerprint(configuration.params, kind.name, code_digest()))
    n_jobs = fits_side_by_side(inputs, kind, free, usable_cores())
    context = RunContext(store, partial(parallel_map, description=args.model, n_jobs=n_jobs))
    run = kind.fit_folds(*inputs, settings, seed=params.seed, orders=orders, context=context)
    write_run(args.out, run, configuration, inputs.data)
    store.forget()


if __name__ == "__main__":
    run_plainly(main)
