"""Figures 2 and 3 as data: accuracy and loss per epoch, mean and spread over the folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.writing.markdown import csv_table

FIGURES = ("train_accuracy", "val_accuracy", "train_loss", "val_loss")


@dataclass(frozen=True)
class Curves:
    """Curves of one network under one split.

    Attributes
    ----------
    epochs : (e,) int, from 1
    mean, std : (e,) per name in FIGURES, over the folds that reached the epoch; std is NaN with one fold
    n_folds : how many folds there are
    """

    split: str
    epochs: np.ndarray
    mean: dict[str, np.ndarray]
    std: dict[str, np.ndarray]
    n_folds: int


def curves_of(history: pa.Table, split: str) -> Curves:
    """The curves of one split from history.parquet.

    Raises
    ------
    ValueError
        The history has no epoch of this split.
    """
    part = history.filter(pc.equal(history["split"], split))
    if part.num_rows == 0:
        raise ValueError(f"history.parquet has no epoch of the split {split}; run the network stage again")
    epoch = part["epoch"].to_numpy()
    epochs = np.unique(epoch)
    values = {name: [part[name].to_numpy()[epoch == e] for e in epochs] for name in FIGURES}
    mean = {name: np.array([folds.mean() for folds in per_epoch]) for name, per_epoch in values.items()}
    std = {
        name: np.array([folds.std(ddof=1) if folds.size > 1 else np.nan for folds in per_epoch])
        for name, per_epoch in values.items()
    }
    return Curves(split, epochs, mean, std, len(np.unique(part["fold"].to_numpy())))


def curves_csv(curves: Sequence[Curves]) -> str:
    """One line per epoch, for `dvc plots`: the first split's figures under their own names, the others'
    with the split before.
    """
    header, columns = ["epoch"], [curves[0].epochs.tolist()]
    for i, one in enumerate(curves):
        prefix = "" if i == 0 else f"{one.split}_"
        for name in FIGURES:
            header += [f"{prefix}{name}", f"{prefix}{name}_std"]
            columns += [_padded(values, len(columns[0])) for values in (one.mean[name], one.std[name])]
    return csv_table(header, list(zip(*columns, strict=True)))


def _padded(values: np.ndarray, length: int) -> list[float]:
    """A column of the first split's length: a split that stopped early has empty cells, a longer one is
    cut.
    """
    return (values.tolist() + [float("nan")] * length)[:length]
