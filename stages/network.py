"""Train one network for one task, on every fold of every split (Sec. IV-B, V-B, VI; Table III).

In: out/dataset/flows.parquet, out/splits/<split>.parquet. Out: a run folder (iotids.learning.runs.run_folder).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from iotids.learning.contract import ModelKind, RunContext, configured
from iotids.learning.networks.registry import NETWORKS
from iotids.learning.runs.arguments import read_arguments
from iotids.learning.runs.inputs import check_memory, read_inputs
from iotids.learning.runs.run_folder import Configuration, write_run
from iotids.learning.runs.unfinished import Unfinished
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.machine import available_memory_bytes, usable_cores
from iotids.plumbing.parallel import code_digest, parallel_map
from iotids.plumbing.params import read_data, read_section
from iotids.plumbing.progress import advance, progress_bar


@dataclass(frozen=True)
class Params:
    """Section `network`; conf/network/default.yaml says what each key means and where it comes from."""

    models: tuple[str, ...]
    splits: tuple[str, ...]
    width: int
    batch_size: int
    epochs: int
    learning_rate: float
    momentum: float
    decay: float
    nesterov: bool
    dropout: float
    patience: int
    folds_per_stack: int
    shuffle_block_rows: int
    seed: int
    seeds: int
    settings: dict[str, dict[str, Any]]

    def __post_init__(self) -> None:
        """Refuse an unknown kind, and values that no network can be trained with, by name."""
        if self.seeds < 1:
            raise ValueError(f"network.seeds is {self.seeds}; it is a number of fits, 1 or more")
        for model in dict.fromkeys([*self.models, *self.settings]):
            self.network(model)

    def network(self, model: str) -> tuple[ModelKind, Any]:
        """Kind and settings of a network: its own, and those of this section that the kind has."""
        return configured(model, self.settings, NETWORKS, shared=asdict(self))


def main() -> None:
    """Read, check, train (or continue), write the run folder."""
    args = read_arguments(__doc__.splitlines()[0])
    params, data, free = read_section("network", Params), read_data(), available_memory_bytes()
    kind, settings = params.network(args.model)
    names = (params.splits, data.classes, data.benign)
    inputs = read_inputs(args.dataset, args.splits, kind, args.task, *names, free)
    check_memory(inputs, kind, settings, free)
    configuration = Configuration("network", args.task, args.model, kind, settings, params.seed, params.seeds)
    store = Unfinished(args.out, inputs.fingerprint(configuration.params, kind.name, code_digest()))
    with progress_bar(total=params.epochs * inputs.n_folds * params.seeds, unit="epochs") as bar:
        context = RunContext(store, parallel_map, lambda line: advance(bar, line), usable_cores())
        run = kind.fit_folds(*inputs, settings, seed=params.seed, orders=params.seeds, context=context)
    write_run(args.out, run, configuration, inputs.data)
    store.forget()


if __name__ == "__main__":
    run_plainly(main)
