"""What is ordinary on one's own network although training has nothing like it: so that such flows are benign,
not unknown.

A network's answer to flows it never saw the like of means little. So a flow that only resembles the user's
benign flows is benign as long as it looks no more like an attack than they did, else it stays unknown; it is
never called an attack for having become familiar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from iotids.detecting.judging.novelty import Novelty, find_prototypes, nearest

PROTOTYPES = 64


@dataclass(frozen=True)
class OwnFlows:
    """(p, d) float32 prototypes on the scale of the package's novelty, the largest distance from them, and
    the log-odds not to be reached.
    """

    prototypes: np.ndarray
    threshold: float
    below_log_odds: float

    def distances(self, scaled: np.ndarray) -> np.ndarray:
        """(n,) float32 distance to the nearest prototype over the threshold, for flows as `Novelty.scale`
        gives them; above 1 is unknown.
        """
        if len(self.prototypes) == 0 or len(scaled) == 0:
            return np.full(len(scaled), np.inf, np.float32)
        return nearest(scaled, self.prototypes)[0] / np.float32(self.threshold)


def learn_own_flows(
    scaled: np.ndarray,
    log_odds: np.ndarray,
    novelty: Novelty,
    *,
    quantile: float,
    seed: int,
    sample: int = 20_000,
) -> OwnFlows:
    """Prototypes of a network's benign flows that are unlike training.

    Parameters
    ----------
    scaled : (n, d) float32
        Those flows, on the scale of `novelty`; none are allowed.
    log_odds : (n,) float
        What the model says of them.
    novelty : Novelty
        The package's; how far a training flow may be from a typical one is how far these may be, too.
    quantile : float
        Share of them whose log-odds count as ordinary.
    """
    if len(scaled) == 0:
        return OwnFlows(np.empty((0, novelty.prototypes.shape[1]), np.float32), novelty.threshold, -np.inf)
    prototypes = find_prototypes(scaled[:: max(1, len(scaled) // sample)], PROTOTYPES, seed)
    highest = float(np.quantile(log_odds, quantile, method="higher"))
    return OwnFlows(prototypes, novelty.threshold, float(np.nextafter(highest, np.inf)))


def own_flows_to_plain(own: OwnFlows) -> dict[str, Any]:
    """As lists for JSON; float32 values survive the way there and back."""
    below = own.below_log_odds if np.isfinite(own.below_log_odds) else None
    return {
        "prototypes": own.prototypes.astype(float).tolist(),
        "threshold": own.threshold,
        "below_log_odds": below,
    }


def own_flows_from_plain(plain: Mapping[str, Any], d: int) -> OwnFlows:
    """Back from JSON; `d` is the number of features."""
    below = plain["below_log_odds"]
    prototypes = np.array(plain["prototypes"], np.float32).reshape(-1, d)
    return OwnFlows(prototypes, float(plain["threshold"]), -np.inf if below is None else float(below))
