"""Kitsune (Mirsky et al. 2018) over flows: an ensemble of small auto-encoders of damped statistics, trained on benign
flows alone; a flow that is given back badly is an attack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iotids.learning.contract import Fitted, ModelKind, Origin, TrainingData, check_training
from iotids.learning.networks.layers.chain import Chain
from iotids.learning.networks.layers.fitted import (
    FILE,
    read_arrays,
    refusing,
    scaling_arrays,
    scaling_of_arrays,
)
from iotids.learning.networks.layers.kind import check_settings, dense_layers
from iotids.learning.networks.layers.optimisers import make_optimiser
from iotids.learning.networks.layers.scaling import Scaling, fit_scaling
from iotids.learning.networks.layers.stored import network_arrays, network_of_arrays
from iotids.learning.networks.layers.training import check_loss, shuffled_batches
from iotids.learning.networks.surveyed.kitsune.damped_statistics import (
    HOSTS,
    damped_statistics,
    statistics_alone,
)


@dataclass(frozen=True)
class KitsuneSettings:
    """Largest auto-encoder, neurons as a share of inputs, and the share of benign flows below the threshold."""

    most_inputs: int = 10
    hidden_share: float = 0.75
    benign_share: float = 0.99
    epochs: int = 10
    batch_size: int = 64
    optimiser: str = "adam"
    learning_rate: float = 0.003

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        check_settings(self, "most_inputs", "hidden_share", "epochs", "batch_size", "learning_rate")
        if not 0 < self.benign_share < 1:
            raise ValueError(f"benign_share is {self.benign_share}; it is a share between 0 and 1")


class Kitsune(Fitted):
    """Auto-encoders of some columns each, and one of their errors.

    Parameters
    ----------
    groups : columns of each auto-encoder
    shares : (k,) of classes in training; an attack's score is divided by those of attacks
    benign : number of that class
    threshold : error of the last auto-encoder at which a flow is as likely an attack as not
    """

    def __init__(
        self,
        scaling: Scaling,
        groups: Sequence[np.ndarray],
        networks: Sequence[Chain],
        error_scaling: Scaling,
        shares: np.ndarray,
        benign: int,
        threshold: float,
    ) -> None:
        self.scaling, self.groups, self.networks = scaling, list(groups), list(networks)
        self.error_scaling, self.shares, self.benign, self.threshold = (
            error_scaling,
            shares,
            benign,
            threshold,
        )

    def errors(self, statistics: np.ndarray) -> np.ndarray:
        """(n,) root mean squared error of the last auto-encoder."""
        x = self.scaling(statistics)
        inner = [rms_error(net, x[:, g]) for net, g in zip(self.networks[:-1], self.groups, strict=True)]
        return rms_error(self.networks[-1], self.error_scaling(np.column_stack(inner)))

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k), each flow without a past."""
        return self._scores(statistics_alone(features))

    def score_rows(self, data: TrainingData, rows: np.ndarray) -> np.ndarray:
        """(m, k), with what end points did before, among the rows."""
        return self._scores(damped_statistics(data, np.asarray(rows)))

    def _scores(self, statistics: np.ndarray) -> np.ndarray:
        """Attack with error / (error + threshold): it knows no classes of attack, so shares of training divide it."""
        error = self.errors(statistics) if len(statistics) else np.zeros(0)
        attack = error / (error + self.threshold)
        others = np.where(np.arange(self.shares.size) == self.benign, 0.0, self.shares)
        if others.sum() == 0:
            attack = np.zeros_like(attack)
        scores = attack[:, None] * others / max(others.sum(), 1e-300)
        scores[:, self.benign] = 1 - attack
        return scores

    def save(self, folder: Path) -> None:
        """Write model.npz."""
        arrays = scaling_arrays(self.scaling) | {"shares": self.shares}
        arrays |= {f"error_{name}": value for name, value in scaling_arrays(self.error_scaling).items()}
        arrays |= {"benign": np.array(self.benign), "threshold": np.array(self.threshold)}
        for i, group in enumerate(self.groups):
            arrays[f"group{i}"] = group
        for i, network in enumerate(self.networks):
            arrays |= network_arrays(network, f"network{i}")
        np.savez(folder / FILE, **arrays)  # type: ignore[arg-type]

    @staticmethod
    def load(folder: Path) -> Kitsune:
        """Read model.npz; ValueError where it is damaged."""
        arrays = read_arrays(folder)
        with refusing(folder):
            n = sum(1 for name in arrays if name.startswith("group"))
            inner = {
                name.removeprefix("error_"): value for name, value in arrays.items() if name[:6] == "error_"
            }
            return Kitsune(
                scaling_of_arrays(arrays),
                [arrays[f"group{i}"] for i in range(n)],
                [network_of_arrays(arrays, f"network{i}") for i in range(n + 1)],
                scaling_of_arrays(inner),
                arrays["shares"],
                int(arrays["benign"]),
                float(arrays["threshold"]),
            )

    def facts(self) -> dict[str, Any]:
        """Auto-encoders and trained values."""
        return {"autoencoders": len(self.networks), "parameters": self.model_bytes // 4}

    @property
    def model_bytes(self) -> int:
        """Size of the values."""
        return sum(a.nbytes for network in self.networks for a in network.arrays().values())


class KitsuneKind(ModelKind):
    """Mirsky, Doitshman, Elovici, Shabtai: NDSS 2018."""

    name = "kitsune"
    settings_type = KitsuneSettings
    inputs = HOSTS
    any_features = False
    exports_onnx = False
    origin = Origin(
        "Mirsky et al. 2018, Kitsune",
        faithful=(
            "damped statistics of five decays",
            "inputs joined by correlation to at most most_inputs",
            "an auto-encoder each and one of their errors",
            "trained on benign traffic alone",
        ),
        adapted=(
            "flows instead of packets, so bytes and packets of a flow instead of sizes of packets",
            "two of the four streams: initiator, pair",
            "batches over several epochs instead of one pass",
            "class shares of training divide the score among attacks",
        ),
        assumed=("epochs", "batch_size", "optimiser", "learning_rate", "benign_share"),
    )

    def fit(self, data: TrainingData, settings: KitsuneSettings, *, seed: int) -> Fitted:
        """Learn from benign flows; labels of attacks only give their shares.

        Raises
        ------
        ValueError
            No rows, no benign flow, or a feature that is no number.
        FloatingPointError
            Training diverged.
        """
        from threadpoolctl import threadpool_limits

        check_training(data.features, data.truth, n_classes=data.n_classes)
        benign = data.classes.index(data.benign)
        rows = np.flatnonzero(data.truth == benign)
        if not rows.size:
            there = ", ".join(data.classes[c] for c in np.unique(data.truth))
            raise ValueError(
                f"no training row of any class but {there}; {self.name} learns from {data.benign} alone"
            )
        shares = np.bincount(data.truth, minlength=data.n_classes) / data.truth.size
        with threadpool_limits(limits=1):
            statistics = damped_statistics(data, np.arange(data.truth.size))[rows]
            return _learned(statistics, settings, shares, benign, np.random.default_rng(seed))

    def load(self, folder: Path) -> Fitted:
        """The values."""
        return Kitsune.load(folder)


def _learned(
    statistics: np.ndarray,
    settings: KitsuneSettings,
    shares: np.ndarray,
    benign: int,
    rng: np.random.Generator,
) -> Kitsune:
    """The ensemble, then the auto-encoder of its errors, then the threshold."""
    scaling = fit_scaling("minmax", statistics)
    x = scaling(statistics)
    groups = alike_columns(x, settings.most_inputs)
    networks = [autoencoder(x[:, group], settings, rng) for group in groups]
    errors = np.column_stack([rms_error(net, x[:, g]) for net, g in zip(networks, groups, strict=True)])
    error_scaling = fit_scaling("minmax", errors)
    last = autoencoder(error_scaling(errors), settings, rng)
    final = rms_error(last, error_scaling(errors))
    threshold = max(float(np.quantile(final, settings.benign_share)), 1e-9)
    return Kitsune(scaling, groups, [*networks, last], error_scaling, shares, benign, threshold)


def alike_columns(x: np.ndarray, most: int) -> list[np.ndarray]:
    """Columns joined by correlation, no group of more than `most`; source: Mirsky et al. 2018, Sec. V-D."""
    from scipy.cluster.hierarchy import linkage, to_tree

    centred = x - x.mean(axis=0)
    length = np.sqrt((centred.astype(np.float64) ** 2).sum(axis=0))
    unit = np.where(length > 0, centred / np.where(length > 0, length, 1), 0)
    distance = np.clip(1 - unit.T @ unit, 0, 2)
    tree = to_tree(linkage(distance[np.triu_indices(len(distance), 1)], "average"))
    open_, groups = [tree], []
    while open_:
        part = open_.pop()
        if part.get_count() <= most:
            groups.append(np.sort(np.array(part.pre_order(), np.int64)))
        else:
            open_ += [part.get_left(), part.get_right()]
    return sorted(groups, key=lambda group: int(group[0]))


def autoencoder(x: np.ndarray, settings: KitsuneSettings, rng: np.random.Generator) -> Chain:
    """One hidden layer, sigmoids, trained to give its input back."""
    d = x.shape[1]
    network = Chain(dense_layers([d, max(1, round(settings.hidden_share * d)), d], "sigmoid"))
    network.start(rng)
    optimiser = make_optimiser(settings.optimiser, network, settings.learning_rate)
    for epoch in range(settings.epochs):
        parts = []
        for rows in shuffled_batches(len(x), settings.batch_size, rng):
            error = network.forward(x[rows], rng) - x[rows]
            network.backward(np.float32(2 / error.size) * error)
            optimiser.step()
            parts.append(float((error**2).mean()))
        check_loss(float(np.mean(parts)), epoch)
    return network


def rms_error(network: Chain, x: np.ndarray) -> np.ndarray:
    """(n,) root of the mean squared error of each row."""
    found: np.ndarray = np.sqrt(((network.forward(x) - x).astype(np.float64) ** 2).mean(axis=1))
    return found
