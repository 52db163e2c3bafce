"""The rows of a table that models are fitted on, and what the checks share: matrix, vectors, refits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from iotids.auditing.duplicates import fold_in_column, number_vectors
from iotids.auditing.scorecard.refits import Refits
from iotids.auditing.scorecard.tables import Labelled, matrix_of

LEAST_PER_CLASS = 500


@dataclass(frozen=True)
class Sample:
    """A table and the rows of it that are fitted on, in the order of the file."""

    table: Labelled
    rows: np.ndarray

    @cached_property
    def x(self) -> np.ndarray:
        """(n, k) float32."""
        return matrix_of(self.table.features, self.rows)

    @cached_property
    def y(self) -> np.ndarray:
        """(n,) classes."""
        return self.table.labels[self.rows]

    @cached_property
    def refits(self) -> Refits:
        """Forests on the plain split."""
        return Refits(self.table.features, self.x, self.y)

    @cached_property
    def vectors(self) -> tuple[np.ndarray, int]:
        """Numbers of the distinct feature vectors of all rows, and how many there are."""
        marks = np.zeros(self.table.rows, np.uint64)
        for number, values in enumerate(self.table.features.values()):
            marks = fold_in_column(marks, np.nan_to_num(values, nan=-1.0), number)
        return number_vectors(marks)

    def column(self, name: str) -> np.ndarray:
        """A feature's values on the sample."""
        return self.x[:, list(self.table.features).index(name)]

    @cached_property
    def groups(self) -> tuple[str, np.ndarray] | None:
        """What rows belong together, and the number of each sampled row's group: the table's own groups or sites,
        else pairs of addresses.
        """
        identity: Mapping[str, np.ndarray] = self.table.identity
        for role in ("group", "site"):
            if role in identity and len(np.unique(identity[role])) > 1:
                return self.table.roles[role], identity[role][self.rows]
        if "src_ip" in identity and "dst_ip" in identity:
            pair = np.stack([identity["src_ip"], identity["dst_ip"]], axis=1)
            return "pairs of addresses", np.unique(pair, axis=0, return_inverse=True)[1].reshape(-1)[
                self.rows
            ]
        return None


def draw(table: Labelled, n_rows: int, seed: int) -> Sample:
    """Draw rows in proportion to the classes, but at least 500 of each (or all it has)."""
    share, generator = min(1.0, n_rows / table.rows), np.random.default_rng(seed)
    chosen = []
    for number in range(len(table.classes)):
        rows = np.flatnonzero(table.labels == number)
        wanted = min(len(rows), max(LEAST_PER_CLASS, round(share * len(rows))))
        chosen.append(generator.choice(rows, wanted, replace=False))
    return Sample(table, np.sort(np.concatenate(chosen)))
