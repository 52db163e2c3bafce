"""Put a package together: the fitted model's graphs, what its training flows looked like, and where it decides."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from iotids.detecting.judging.drift import reference_bins
from iotids.detecting.judging.novelty import held_out_distances, learn_novelty, novelty_to_plain
from iotids.detecting.judging.operating_point import attack_log_odds
from iotids.detecting.judging.recall import log_odds_quantiles
from iotids.detecting.package.package import GRADIENT, ONNX, REFERENCE
from iotids.detecting.packing.abstaining import describe_abstention
from iotids.detecting.packing.doubts import classes_not_found, doubts_about
from iotids.detecting.packing.out_of_fold import (
    OutOfFold,
    choose_operating_point,
    choose_temperature,
    unseen_site_cost,
)
from iotids.learning.contract import Fitted

# in package.json: always, and of those that a kind of model has used
VERSIONED = ("numpy", "pyarrow", "onnx", "onnxruntime")
VERSIONED_IF_USED = {
    "tensorflow": "tensorflow",
    "keras": "keras",
    "sklearn": "scikit-learn",
    "skl2onnx": "skl2onnx",
    "river": "river",
}
LIMITS = (
    "It knows the attacks it was trained on, as they were recorded; other tools, speeds and networks look different.",
    "It sees flows, not payloads: an attack that looks like ordinary traffic in sizes, times and flags is not seen.",
    "Probabilities are calibrated on out-of-fold flows of the training networks; elsewhere they are a ranking until calibrated there.",
    "A flow is judged when it ends (or after the flow timeout), not while it runs.",
)


@dataclass(frozen=True)
class Training:
    """The flows a model was fitted on: (n, d) features, (n,) class numbers, and facts for package.json."""

    X: np.ndarray
    truth: np.ndarray
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class PackSettings:
    """How a package is made; conf/final/default.yaml says what each key means."""

    split: str
    false_alarm_share: float
    novelty_quantile: float
    coverage: float | None
    zero_point_share: float | None
    prototypes: int
    exports: tuple[str, ...]
    agreement: float
    seed: int
    recordings: tuple[str, ...]


def describe(
    training: Training,
    predictions: OutOfFold,
    identity: Mapping[str, Any],
    settings: PackSettings,
    unseen: OutOfFold | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest without files and exports, and the reference (reference.json).

    Parameters
    ----------
    predictions, unseen : OutOfFold
        Of the split that temperature and threshold are chosen on, and of sites left out of training, where
        the run has them.
    identity : mapping
        name, task, classes, benign, features, meter, kind, settings, cross_validation.
    """
    classes, benign_index = identity["classes"], list(identity["classes"]).index(identity["benign"])
    calibration = choose_temperature(predictions)
    point = choose_operating_point(
        predictions,
        classes,
        benign_index=benign_index,
        temperature=calibration["temperature"],
        false_alarm_share=settings.false_alarm_share,
    )
    if unseen is not None:
        point["unseen_site"] = unseen_site_cost(
            unseen,
            classes,
            benign_index=benign_index,
            temperature=calibration["temperature"],
            threshold=point["log_odds"],
        )
    novelty, novelty_facts = _novelty(training, predictions, classes, settings)
    missed = classes_not_found(point, classes)
    abstention, possible = describe_abstention(
        predictions,
        classes,
        benign_index=benign_index,
        temperature=calibration["temperature"],
        threshold=point["log_odds"],
        coverage=settings.coverage,
        without=list(missed),
        unseen=unseen,
    )
    benign = training.X[training.truth == benign_index]
    reference = {
        "benign_median": [float(np.median(column)) for column in benign.T],
        "drift": reference_bins(benign),
        "novelty": novelty,
        "possible_classes": possible,
        "log_odds_quantiles": log_odds_quantiles(
            attack_log_odds(predictions.logits, calibration["temperature"], benign_index),
            predictions.truth,
            classes,
        ),
    }
    manifest = {
        **identity,
        "calibration": calibration,
        "operating_point": point,
        "novelty": novelty_facts,
        **({} if settings.zero_point_share is None else {"zero_point_share": settings.zero_point_share}),
        "abstention": abstention,
        "training": dict(training.facts) | {"recordings": list(settings.recordings)},
        "versions": _versions(),
        "known_limits": list(LIMITS),
        "classes_not_found": missed,
        "doubts": doubts_about(calibration, point),
    }
    return manifest, reference


def write_graphs(
    folder: Path, fitted: Fitted, manifest: Mapping[str, Any], reference: Mapping[str, Any]
) -> None:
    """Write model.onnx, reference.json and, for kinds with a gradient, gradient.onnx."""
    notes = graph_notes(manifest)
    (folder / ONNX).write_bytes(with_notes(fitted.to_onnx(), notes))
    gradient = fitted.gradient_onnx()
    if gradient is not None:
        (folder / GRADIENT).write_bytes(with_notes(gradient, notes))
    (folder / REFERENCE).write_text(json.dumps(reference, allow_nan=False) + "\n", encoding="utf-8")


def with_notes(content: bytes, notes: Mapping[str, Any]) -> bytes:
    """An ONNX model that says about itself what `graph_notes` says, as JSON per key."""
    import onnx

    model = onnx.load_from_string(content)
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in notes.items()})
    return bytes(model.SerializeToString(deterministic=True))


def graph_notes(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a model file must say about itself to be used alone."""
    return {
        "features": manifest["features"],
        "classes": manifest["classes"],
        "benign": manifest["benign"],
        "not_found": sorted(manifest["classes_not_found"]),
        "profile": manifest["meter"]["profile"],
        "temperature": manifest["calibration"]["temperature"],
        "attack_log_odds": manifest["operating_point"]["log_odds"],
    }


def _versions() -> dict[str, str]:
    """Versions of what the model was made and written with."""
    used = [name for module, name in VERSIONED_IF_USED.items() if module in sys.modules]
    return {"python": platform.python_version()} | {name: version(name) for name in (*VERSIONED, *used)}


def _novelty(
    training: Training, predictions: OutOfFold, classes: Sequence[str], settings: PackSettings
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Prototypes of all training flows, with the threshold that held-out flows of the split's folds give;
    and its figures.
    """
    fold = np.full(training.truth.size, -1)
    fold[predictions.row] = predictions.fold
    rows, distances = held_out_distances(
        training.X, training.truth, fold, prototypes=settings.prototypes, seed=settings.seed
    )
    threshold = float(np.quantile(distances, settings.novelty_quantile))
    novelty = learn_novelty(
        training.X,
        training.truth,
        prototypes=settings.prototypes,
        seed=settings.seed,
        threshold=max(threshold, 1e-6),
    )
    unfamiliar, truth = distances > threshold, training.truth[rows]
    per_class = {
        name: float(unfamiliar[truth == c].mean()) for c, name in enumerate(classes) if (truth == c).any()
    }
    facts = {
        "threshold": novelty.threshold,
        "quantile": settings.novelty_quantile,
        "prototypes": len(novelty.prototypes),
        "held_out_flows": int(rows.size),
        "held_out_unknown_share_per_class": per_class,
    }
    return novelty_to_plain(novelty), facts
