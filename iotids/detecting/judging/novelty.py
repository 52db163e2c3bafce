"""Is a flow like anything in training? Its distance to the nearest of a few hundred typical training flows.

A network answers everywhere, with high probability also far away from its data. So the distance is measured
apart from it: features are put on a logarithmic scale (bytes and microseconds span nine decades), divided by
their spread, and compared with prototypes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from iotids.flowmeter.kernels.entries import kernel_named

SMALLEST_SPREAD = 0.25  # of a feature that hardly varies in training: one flag more on the log scale (0.69) counts as about 3
LARGEST_STEP = (
    8.0  # a single feature counts at most this many spreads, so that one wild value does not hide the others
)
LLOYD_ROUNDS = 8
ROWS_AT_ONCE = 1024  # what is computed on the way to a distance stays in the second-level cache
SAMPLE = 20_000  # flows that prototypes are learned from
clipped_distances = kernel_named("row_kernels", "clipped_distances", "iotids.detecting.judging")


@dataclass(frozen=True)
class Novelty:
    """What training flows look like.

    centre, spread : (d,) float32, of the features on the log scale. prototypes : (p, d) float32, scaled.
        threshold : root mean
    square distance above which a flow is unlike training.
    """

    centre: np.ndarray
    spread: np.ndarray
    prototypes: np.ndarray
    threshold: float

    def scale(self, X: np.ndarray) -> np.ndarray:
        """(n, d) features as float32 multiples of their training spread from the training median, on the log
        scale.
        """
        return scaled_logs(X, self.centre, self.spread)

    def distances(self, X: np.ndarray) -> np.ndarray:
        """(n,) float32 root mean square distance, over features, to the nearest prototype."""
        return nearest(self.scale(X), self.prototypes)[0]


def learn_novelty(
    X: np.ndarray,
    classes: np.ndarray,
    *,
    prototypes: int,
    seed: int,
    threshold: float = np.inf,
    sample: int = SAMPLE,
) -> Novelty:
    """Choose prototypes for some training flows.

    Parameters
    ----------
    X : (n, d) float
    classes : (n,) integer array
        Every class gets its share of the sample, so that rare ones have prototypes too.
    prototypes : int
        At most this many; fewer when there are fewer distinct flows.
    seed : int
    threshold : float
        Kept as it is; see `held_out_distances` for how to choose it.
    """
    return _learn(X[balanced_rows(classes, sample, seed)], prototypes, seed, threshold)


def _learn(chosen: np.ndarray, prototypes: int, seed: int, threshold: float = np.inf) -> Novelty:
    """Prototypes of the chosen flows."""
    logs = _logs(chosen)
    centre = np.median(logs, axis=0).astype(np.float32)
    spread = np.maximum(logs.std(axis=0), SMALLEST_SPREAD).astype(np.float32)
    scaled = scaled_logs(chosen, centre, spread)
    return Novelty(centre, spread, find_prototypes(scaled, prototypes, seed), float(threshold))


def held_out_distances(
    X: np.ndarray, classes: np.ndarray, fold: np.ndarray, *, prototypes: int, seed: int, sample: int = 50_000
) -> tuple[np.ndarray, np.ndarray]:
    """Distances of flows to prototypes that were learned without their fold.

    Parameters
    ----------
    fold : (n,) integer array
        Fold that tests the flow; below 0: never.

    Returns
    -------
    rows : (m,) int64, distances : (m,) float32
        At most `sample` rows per fold.
    """
    rows, distances = [], []
    for f in np.unique(fold[fold >= 0]):
        rest, held = np.flatnonzero(fold != f), np.flatnonzero(fold == f)
        if rest.size == 0:
            continue
        held = np.sort(np.random.default_rng([seed, int(f)]).permutation(held)[:sample])
        # of the rest only these rows are copied: all of it would be most of the training flows again
        novelty = _learn(X[rest[balanced_rows(classes[rest], SAMPLE, seed)]], prototypes, seed)
        rows.append(held)
        distances.append(novelty.distances(X[held]))
    return np.concatenate(rows), np.concatenate(distances)


def balanced_rows(classes: np.ndarray, n: int, seed: int) -> np.ndarray:
    """At most n row numbers, ascending, the same number of each class as far as there are so many."""
    random = np.random.default_rng(seed)
    present = np.unique(classes)
    share = max(1, n // present.size)
    return np.sort(
        np.concatenate([random.permutation(np.flatnonzero(classes == c))[:share] for c in present])
    )


def scaled_logs(X: np.ndarray, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(n, d) float32 signed log(1 + |x|), centred and divided by its spread."""
    scaled = np.empty(X.shape, np.float32)
    for start in range(0, len(X), ROWS_AT_ONCE):
        part = scaled[start : start + ROWS_AT_ONCE]
        np.subtract(_logs(X[start : start + ROWS_AT_ONCE]), centre, out=part)
        part /= spread
    return scaled


def _logs(X: np.ndarray) -> np.ndarray:
    """Signed log(1 + |x|) as float32."""
    single = X.astype(np.float32)
    size = np.log1p(np.abs(single))
    return np.copysign(size, single, out=size)


def nearest(
    scaled: np.ndarray, prototypes: np.ndarray, rows: int = ROWS_AT_ONCE
) -> tuple[np.ndarray, np.ndarray]:
    """Root mean square distance to the nearest prototype, (n,) float32, and its number, (n,) int64."""
    distance, number = np.empty(len(scaled), np.float32), np.empty(len(scaled), np.int64)
    half_norm = 0.5 * np.einsum("ij,ij->i", prototypes, prototypes)
    room = np.empty((min(rows, len(scaled)), len(prototypes)), np.float32)
    for start in range(0, len(scaled), rows):
        part = scaled[start : start + rows]
        closeness = np.matmul(part, prototypes.T, out=room[: len(part)])
        closeness -= half_norm
        number[start : start + rows] = closeness.argmax(axis=1)
    clipped_distances(scaled, prototypes, number, np.float32(LARGEST_STEP), distance)
    return distance, number


def find_prototypes(scaled: np.ndarray, count: int, seed: int) -> np.ndarray:
    """(p, d) float32 cluster centres, p <= count: seeds by k-means++ (Arthur and Vassilvitskii 2007), then
    Lloyd's rounds.
    """
    random = np.random.default_rng(seed)
    chosen = [int(random.integers(len(scaled)))]
    away = np.square(scaled - scaled[chosen[0]]).sum(axis=1, dtype=np.float64)
    while len(chosen) < count and away.max() > 1e-6:
        chosen.append(int(random.choice(len(scaled), p=away / away.sum())))
        away = np.minimum(away, np.square(scaled - scaled[chosen[-1]]).sum(axis=1, dtype=np.float64))
    centres = scaled[chosen].copy()
    for _ in range(LLOYD_ROUNDS):
        number = nearest(scaled, centres)[1]
        sizes = np.bincount(number, minlength=len(centres))
        sums = np.zeros(centres.shape)
        np.add.at(sums, number, scaled)
        centres = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres).astype(
            np.float32
        )
    return centres


def novelty_to_plain(novelty: Novelty) -> dict[str, Any]:
    """As lists for JSON; float32 values survive the way there and back."""
    return {
        name: getattr(novelty, name).astype(float).tolist() for name in ("centre", "spread", "prototypes")
    } | {"threshold": novelty.threshold}


def novelty_from_plain(
    plain: Mapping[str, Any],
    *,
    more_prototypes: Sequence[Sequence[float]] = (),
    threshold: float | None = None,
) -> Novelty:
    """Back from JSON, with the prototypes and the threshold of a calibration where there is one."""
    arrays = {name: np.array(plain[name], np.float32) for name in ("centre", "spread", "prototypes")}
    if len(more_prototypes):
        arrays["prototypes"] = np.concatenate([arrays["prototypes"], np.array(more_prototypes, np.float32)])
    return Novelty(**arrays, threshold=float(plain["threshold"] if threshold is None else threshold))
