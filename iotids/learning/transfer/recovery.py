"""Features that are missing from flows, filled in by several methods: how far off each is, and what a classifier then scores.

[14] Lopez-Martin et al. 2017 recover missing features with the network that classifies; median, nearest neighbours and
iterative imputation (scikit-learn) are what anybody would try first.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from iotids.learning.contract import TrainingData, configured
from iotids.learning.networks.layers.scaling import Scaling, fit_scaling
from iotids.learning.registry import KINDS

GROUPS = {"times": ("_us", "_per_s"), "sizes": ("bytes",), "flags": ("flags", "_flag"), "backward": ("bwd",)}
MASKS = ("one", "some", "half", *GROUPS)
SHARES = {"some": 0.1, "half": 0.5}
Filler = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Recovered:
    """One method under one mask.

    Attributes
    ----------
    error : mean absolute error of the missing values as logarithms, in standard deviations of the training rows
    macro_f : of the classifier on flows with the missing values filled in
    """

    mask: str
    method: str
    error: float
    macro_f: float


def missing_features(mask: str, names: tuple[str, ...], n_rows: int, rng: np.random.Generator) -> np.ndarray:
    """(n, d) bool. 'one' feature of each flow, 'some' (a tenth) or 'half' of all values, or a whole group by name.

    Raises
    ------
    ValueError
        An unknown mask, or one that leaves no feature.
    """
    if mask not in MASKS:
        raise ValueError(f"mask {mask!r}; known are {', '.join(MASKS)}")
    d = len(names)
    if mask == "one":
        missing = np.arange(d) == rng.integers(0, d, n_rows)[:, None]
    elif mask in SHARES:
        missing = rng.random((n_rows, d)) < SHARES[mask]
        missing[np.arange(n_rows), rng.integers(0, d, n_rows)] = False  # something is always left
    else:
        missing = np.tile([any(part in name for part in GROUPS[mask]) for name in names], (n_rows, 1))
    if missing.all(axis=1).any():
        raise ValueError(
            f"mask {mask!r} leaves none of the {d} features, so there is nothing to recover from"
        )
    return missing


def fillers(
    train: TrainingData, scaling: Scaling, settings: Mapping[str, object], seed: int
) -> dict[str, Filler]:
    """Methods by name: (features, missing) -> features with the missing ones filled in; each is fitted on the training rows."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

    kind, own = configured(
        "idcvae", {"idcvae": {"kind": "conditional_vae", "mask_share": 0.2, **settings}}, KINDS
    )
    model = kind.fit(train, own, seed=seed)
    x = scaling(train.features).astype(np.float64)
    imputers = {
        "median": SimpleImputer(strategy="median", keep_empty_features=True),
        "5 nearest": KNNImputer(n_neighbors=5, keep_empty_features=True),
        "iterative": IterativeImputer(
            max_iter=5,
            random_state=seed,
            keep_empty_features=True,
            min_value=x.min(axis=0),  # a line through logarithms leaves the range of numbers soon
            max_value=x.max(axis=0) + 1e-6,  # above the least, also of a constant feature
        ),
    }

    def filler(imputer: object) -> Filler:
        def fill(features: np.ndarray, missing: np.ndarray) -> np.ndarray:
            given = np.where(missing, np.nan, scaling(features))
            return np.where(missing, scaling.inverse(imputer.transform(given)), features)  # type: ignore[attr-defined]

        return fill

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # five rounds are meant, converged or not
        found = {name: filler(imputer.fit(x)) for name, imputer in imputers.items()}
    return {"ID-CVAE": model.recover, **found}  # type: ignore[attr-defined]


def compare_recovery(
    train: TrainingData,
    test: TrainingData,
    *,
    names: tuple[str, ...],
    masks: tuple[str, ...],
    classifier: str,
    settings: Mapping[str, object],
    seed: int,
) -> list[Recovered]:
    """Every method under every mask; the first entry, mask and method 'nothing', is the classifier on whole flows.

    Parameters
    ----------
    names : of the features
    classifier : a kind with its default settings, fitted on whole training rows
    settings : of the conditional auto-encoder
    """
    from sklearn.metrics import f1_score

    scaling = fit_scaling("log", train.features)
    kind = KINDS[classifier]
    judge = kind.fit(train, kind.settings({}), seed=seed)

    def macro_f(features: np.ndarray) -> float:
        verdicts = judge.scores(features).argmax(axis=1)
        return float(
            f1_score(test.truth, verdicts, average="macro", labels=np.unique(test.truth), zero_division=0)
        )

    masked = {
        mask: missing_features(mask, names, test.truth.size, np.random.default_rng(seed)) for mask in masks
    }
    found = [Recovered("nothing", "nothing", 0.0, macro_f(test.features))]
    wanted, methods = scaling(test.features), fillers(train, scaling, settings, seed)
    for mask, missing in masked.items():
        for method, fill in methods.items():
            filled = fill(np.where(missing, 0.0, test.features), missing)
            error = float(np.abs(scaling(filled) - wanted)[missing].mean())
            found.append(Recovered(mask, method, error, macro_f(filled)))
    return found
