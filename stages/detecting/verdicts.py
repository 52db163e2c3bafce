"""Flows in, verdicts out: attack, benign or unknown, with the class, how sure, how familiar, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from stages.detecting.novelty import Novelty, nearest, novelty_from_plain
from stages.detecting.operating_point import decide, probabilities, probability_of
from stages.detecting.package import Package
from stages.detecting.reasons import contributions, distinct_rows, strongest

VERDICTS = ("benign", "attack", "unknown")
BENIGN, ATTACK, UNKNOWN = range(3)
UNKNOWN_CLASS = "UNKNOWN"
UNLIKE, NOT_FINITE = "unlike the training flows", "a feature is not a finite number"
N_REASONS = 3

CARRIED = (
    "capture", "flow_number", "first_packet", "last_packet", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "src_mac", "dst_mac",
)  # fmt: skip
REASON = pa.struct([("feature", pa.string()), ("value", pa.float64()), ("usual", pa.float64()), ("weight", pa.float32())])


class Network(Protocol):
    """What computes (inference.Network)."""

    def logits(self, X: np.ndarray) -> np.ndarray:
        """(n, k) logits."""

    def gradient(self, normalised: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """(n, d) gradient of sum(direction * logits) at normalised features."""


@dataclass(frozen=True)
class OperatingPoint:
    """From which log-odds on a flow is an attack, and from which distance on it is unlike training; the package's or a network's own."""

    log_odds: float
    novelty: Novelty


@dataclass(frozen=True)
class Decisions:
    """One entry per flow.

    code : (n,) int8, index in VERDICTS. likeliest : (n,) int64 class the verdict names (for unknown: the model's guess).
    shares : (n, k) calibrated class probabilities, NaN where nothing could be computed. log_odds : (n,) of attack against benign.
    familiarity : (n,) float32 distance over threshold; above 1 is unknown. finite : (n,) bool.
    scaled, prototype : the flows as novelty sees them, (n, d) float32, and the number of the nearest prototype, (n,) int64.
    """

    code: np.ndarray
    likeliest: np.ndarray
    shares: np.ndarray
    log_odds: np.ndarray
    familiarity: np.ndarray
    finite: np.ndarray
    scaled: np.ndarray
    prototype: np.ndarray


def package_point(package: Package) -> OperatingPoint:
    """The operating point that was chosen on the labelled data."""
    return OperatingPoint(float(package.manifest["operating_point"]["log_odds"]), novelty_from_plain(package.reference["novelty"]))


def matrix_of(batch: pa.RecordBatch | pa.Table, features: Sequence[str]) -> np.ndarray:
    """(n, d) float64 features, not checked for NaN."""
    X = np.empty((len(features), batch.num_rows))
    for j, name in enumerate(features):
        X[j] = batch.column(name).to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(X.T)


class Judge:
    """Applies one package at one operating point to batches of flows."""

    def __init__(self, package: Package, network: Network, point: OperatingPoint) -> None:
        self.package, self.network, self.point = package, network, point
        self.temperature = float(package.manifest["calibration"]["temperature"])
        self.usual = np.array(package.reference["benign_median"])
        self._mean, self._scale, self._offset = (np.array(package.reference["normalise"][name]) for name in ("mean", "scale", "offset"))
        self.schema = verdict_schema(package.classes)

    def decide(self, X: np.ndarray) -> Decisions:
        """Decisions for (n, d) features; flows with NaN or infinity among them are unknown."""
        finite = np.isfinite(X).all(axis=1)
        seen = X if finite.all() else np.where(finite[:, None], X, self.usual)
        logits, benign = self.network.logits(seen), self.package.benign_index
        shares = probabilities(logits, self.temperature)
        likeliest, log_odds = decide(logits, temperature=self.temperature, benign_index=benign, threshold=self.point.log_odds)
        scaled = self.point.novelty.scale(seen)
        distance, prototype = nearest(scaled, self.point.novelty.prototypes)
        familiarity = distance / np.float32(self.point.novelty.threshold)
        called = np.where(likeliest != benign, ATTACK, BENIGN)
        code = np.where(~finite | (familiarity > 1.0), UNKNOWN, called).astype(np.int8)
        shares[~finite], log_odds[~finite], familiarity[~finite] = np.nan, np.nan, np.nan
        return Decisions(code, likeliest, shares, log_odds, familiarity, finite, scaled, prototype)

    def normalise(self, X: np.ndarray) -> np.ndarray:
        """Features as the first dense layer sees them, float32."""
        return ((X - self._mean) * self._scale + self._offset).astype(np.float32)

    def judge(self, batch: pa.RecordBatch | pa.Table) -> tuple[pa.Table, Decisions, np.ndarray]:
        """Verdict table of some flows (see `verdict_schema`), the decisions in it, and the features they were made from."""
        X = matrix_of(batch, self.package.features)
        decisions = self.decide(X)
        return self._table(batch, X, decisions), decisions, X

    def _table(self, batch: pa.RecordBatch | pa.Table, X: np.ndarray, decisions: Decisions) -> pa.Table:
        """The columns of `verdict_schema`."""
        names = pa.array([*self.package.classes, UNKNOWN_CLASS])
        unknown = decisions.code == UNKNOWN
        shown = np.where(unknown, len(self.package.classes), decisions.likeliest)
        own = decisions.shares[np.arange(len(X)), decisions.likeliest]
        because = np.where(unknown, np.where(decisions.finite, 1, 2), 0)
        total = lambda of: sum(batch.column(f"{side}_{of}").to_numpy(zero_copy_only=False) for side in ("fwd", "bwd"))  # noqa: E731
        columns = {
            **{name: batch.column(name) for name in CARRIED},
            "start": batch.column("start_us").cast(pa.timestamp("us", "UTC")),
            "duration_us": batch.column("flow_duration_us"),
            "packets": total("packets"), "payload_bytes": total("bytes"),
            "verdict": pa.array(VERDICTS).take(pa.array(decisions.code)),
            "class": names.take(pa.array(shown)),
            "probability": pa.array(np.where(unknown, np.nan, own), from_pandas=True),
            "attack_probability": pa.array(probability_of(decisions.log_odds), from_pandas=True),
            "attack_log_odds": pa.array(decisions.log_odds, from_pandas=True),
            "novelty": pa.array(decisions.familiarity, from_pandas=True),
            "unknown_because": pa.array(["", UNLIKE, NOT_FINITE]).take(pa.array(because)),
            **{f"p_{name}": pa.array(decisions.shares[:, c], from_pandas=True) for c, name in enumerate(self.package.classes)},
            "reasons": self._reasons(X, decisions),
        }  # fmt: skip
        return pa.table({field.name: columns[field.name] for field in self.schema}).cast(self.schema)

    def _reasons(self, X: np.ndarray, decisions: Decisions) -> pa.ListArray:
        """For an attack the features that spoke for it; for an unknown flow the strangest ones; for a benign one none."""
        order = np.zeros((len(X), N_REASONS), np.int64)
        weight = np.full((len(X), N_REASONS), -np.inf, np.float32)
        attack, strange = (np.flatnonzero((decisions.code == code) & decisions.finite) for code in (ATTACK, UNKNOWN))
        if attack.size:
            order[attack], weight[attack] = self._attack_reasons(X[attack], decisions.likeliest[attack])
        if strange.size:
            order[strange], weight[strange] = self.point.novelty.strange_features(
                decisions.scaled[strange], decisions.prototype[strange], N_REASONS
            )
        for row in np.flatnonzero(~decisions.finite):
            bad = np.flatnonzero(~np.isfinite(X[row]))[:N_REASONS]
            order[row, : bad.size], weight[row, : bad.size] = bad, np.inf
        told = np.isin(np.arange(len(X)), strange)[:, None] | (weight > 0)
        return self._reason_lists(X, order, weight, told)

    def _attack_reasons(self, X: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Strongest features and their log-odds; equal flows are explained once."""
        first, inverse = distinct_rows(X, classes)
        direction = np.zeros((first.size, len(self.package.classes)), np.float32)
        direction[np.arange(first.size), classes[first]] = 1.0 / self.temperature
        direction[:, self.package.benign_index] = -1.0 / self.temperature
        order, weight = strongest(contributions(self.network, self.normalise(X[first]), self.normalise(self.usual), direction), N_REASONS)
        return order[inverse], weight[inverse]

    def _reason_lists(self, X: np.ndarray, order: np.ndarray, weight: np.ndarray, told: np.ndarray) -> pa.ListArray:
        """The told entries, one list per flow."""
        offsets = np.concatenate([[0], np.cumsum(told.sum(axis=1))]).astype(np.int32)
        number = order[told]
        value = np.take_along_axis(X, order, axis=1)[told]
        parts = [
            pa.array(self.package.features).take(pa.array(number)),
            pa.array(value),
            pa.array(self.usual[number]),
            pa.array(weight[told]),
        ]
        return pa.ListArray.from_arrays(pa.array(offsets), pa.StructArray.from_arrays(parts, fields=list(REASON)))


def verdict_schema(classes: Sequence[str]) -> pa.Schema:
    """Columns of a verdict table; docs/detector.md says what each means."""
    return pa.schema([
        ("capture", pa.string()), ("flow_number", pa.int64()), ("first_packet", pa.int64()), ("last_packet", pa.int64()),
        ("start", pa.timestamp("us", "UTC")), ("duration_us", pa.int64()),
        ("src_ip", pa.string()), ("src_port", pa.int32()), ("dst_ip", pa.string()), ("dst_port", pa.int32()), ("protocol", pa.int32()),
        ("src_mac", pa.string()), ("dst_mac", pa.string()), ("packets", pa.int64()), ("payload_bytes", pa.float64()),
        ("verdict", pa.string()), ("class", pa.string()), ("probability", pa.float32()), ("attack_probability", pa.float32()),
        ("attack_log_odds", pa.float32()), ("novelty", pa.float32()), ("unknown_because", pa.string()),
        *((f"p_{name}", pa.float32()) for name in classes),
        ("reasons", pa.list_(REASON)),
    ])  # fmt: skip
