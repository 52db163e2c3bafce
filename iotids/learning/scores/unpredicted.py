"""Classes that a model never predicts, although it was trained on them and tested on their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Unpredicted(NamedTuple):
    """A class that is never predicted in `folds` of the `tested` folds that trained on it and test it."""

    name: str
    folds: int
    tested: int

    @property
    def always(self) -> bool:
        """In every fold that could have shown it."""
        return self.folds == self.tested

    @property
    def words(self) -> str:
        """MITM in all 5 folds, or DOS in 3 of 5 folds."""
        return f"{self.name} in {f'all {self.tested}' if self.always else f'{self.folds} of {self.tested}'} folds"


def count_unpredicted(
    confusions: Sequence[np.ndarray], trained: Sequence[np.ndarray], classes: Sequence[str]
) -> list[Unpredicted]:
    """Count per class the folds in which no row at all was given it; classes without such a fold are left out.

    Parameters
    ----------
    confusions : one (k, k) per fold, row = true class, column = predicted class
    trained : one (k,) bool per fold: the class had training rows
        Folds that did not train on a class, or that hold no row of it, say nothing about it.
    """
    found = []
    for c, name in enumerate(classes):
        asked = [m for m, known in zip(confusions, trained, strict=True) if known[c] and m[c].sum() > 0]
        never = sum(int(m[:, c].sum() == 0) for m in asked)
        if never:
            found.append(Unpredicted(name, never, len(asked)))
    return found


def unpredicted_words(found: Sequence[Unpredicted]) -> str:
    """'never predicts MITM in all 5 folds, DOS in 3 of 5 folds'; empty for a model that predicts everything."""
    return f"never predicts {', '.join(one.words for one in found)}" if found else ""
