"""Flows in, verdicts out: attack, benign or unknown, with the class, how sure, how familiar, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.detecting.judging.abstention import PossibleClasses, possible_from_plain
from iotids.detecting.judging.novelty import Novelty, nearest, novelty_from_plain
from iotids.detecting.judging.operating_point import decide, probabilities
from iotids.detecting.judging.reasons import (
    Budget,
    Model,
    Reasons,
    drop_artefacts,
    explain_attacks,
    explain_broken,
    explain_strange,
    no_reasons,
)
from iotids.detecting.judging.verdict_table import (
    flow_columns,
    reason_column,
    verdict_columns,
    verdict_schema,
)
from iotids.detecting.judging.verdict_words import (
    ATTACK,
    BENIGN,
    NOT_FINITE,
    NOTHING_FITS,
    STANDS,
    UNKNOWN,
    UNLIKE,
)
from iotids.detecting.measuring.zero_point import ZeroPoint, moved_in_table
from iotids.detecting.ordinary.familiar_flows import OwnFlows
from iotids.detecting.ordinary.habits import UNUSUAL_LOG_ODDS, Habits
from iotids.detecting.package.package import Package

TURNED_ROWS = 2_048  # room for more would be taken from the system, and cleared by it, anew each time
PADDING = 8  # one cache line: columns a power of two apart would all fall into the same cache set


@dataclass(frozen=True)
class OperatingPoint:
    """From which log-odds on a flow is an attack, from which distance on it is unlike training, what is ordinary here
    nevertheless (unlike training, and like an attack), and which classes the log-odds allow.
    """

    log_odds: float
    novelty: Novelty
    own: OwnFlows | None = None
    habits: Habits | None = None
    possible: PossibleClasses | None = None

    def call(
        self, log_odds: np.ndarray, familiarity: np.ndarray, scaled: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(n,) int8 verdicts of flows with finite features, and their familiarity, where own flows are nearer
        than training flows by these.

        Parameters
        ----------
        log_odds, familiarity, scaled
            As in Decisions, for the package's novelty.
        """
        code = np.where(
            familiarity > 1.0, UNKNOWN, np.where(log_odds >= self.log_odds, ATTACK, BENIGN)
        ).astype(np.int8)
        strange = np.flatnonzero(familiarity > 1.0)
        if self.own is None or strange.size == 0:
            return code, familiarity
        distance = self.own.distances(scaled[strange])
        known = (distance <= 1.0) & (log_odds[strange] < self.own.below_log_odds)
        code[strange[known]] = BENIGN
        nearer = familiarity.copy()
        nearer[strange[known]] = distance[known]
        return code, nearer


@dataclass(frozen=True)
class Decisions:
    """One entry per flow.

    code : (n,) int8, index in VERDICTS. likeliest : (n,) int64 class the verdict names (for unknown: the
        model's guess).
    shares : (n, k) calibrated class probabilities, NaN where nothing could be computed. log_odds : (n,) of
        attack against benign.
    familiarity : (n,) float32 distance over threshold; above 1 is unknown. finite : (n,) bool.
    scaled, prototype : the flows as novelty sees them, (n, d) float32, and the number of the nearest
        prototype, (n,) int64.
    withheld : (n,) bool, benign though the model alarms: what its device ordinarily does here.
    because : (n,) int8, index in UNKNOWN_BECAUSE.
    """

    code: np.ndarray
    likeliest: np.ndarray
    shares: np.ndarray
    log_odds: np.ndarray
    familiarity: np.ndarray
    finite: np.ndarray
    scaled: np.ndarray
    prototype: np.ndarray
    withheld: np.ndarray
    because: np.ndarray


def package_point(package: Package) -> OperatingPoint:
    """The operating point that was chosen on the labelled data."""
    return OperatingPoint(
        float(package.manifest["operating_point"]["log_odds"]),
        novelty_from_plain(package.reference["novelty"]),
        possible=possible_from_plain(
            package.reference.get("possible_classes"), package.classes, package.benign_index
        ),
    )


def matrix_of(batch: pa.RecordBatch | pa.Table, features: Sequence[str]) -> np.ndarray:
    """(n, d) float64 features, not checked for NaN.

    Columns are put below each other and then turned as a whole, in a third of the time of writing each across the rows.
    """
    columns = [c.to_numpy(zero_copy_only=False) for c in batch.select(list(features)).columns]
    X, room = np.empty((batch.num_rows, len(features))), np.empty((len(features), TURNED_ROWS + PADDING))
    for start in range(0, len(X), TURNED_ROWS):
        part = X[start : start + TURNED_ROWS]
        for row, column in zip(room, columns, strict=True):
            row[: len(part)] = column[start : start + TURNED_ROWS]
        part[:] = room[:, : len(part)].T
    return X


class Judge:
    """Applies one package at one operating point to batches of flows."""

    def __init__(self, package: Package, model: Model, point: OperatingPoint) -> None:
        self.package, self.model, self.point = package, model, point
        self.temperature = float(package.manifest["calibration"]["temperature"])
        self.usual = np.array(package.reference["benign_median"])
        self.is_time = np.array([name.endswith("_us") for name in package.features])
        self.unnamed = [package.classes.index(name) for name in package.classes_not_found]
        others = len({*self.unnamed, package.benign_index}) < len(package.classes)
        self._unnamed_if_others = self.unnamed if others else []
        self.schema = verdict_schema(package.classes)

    def new_zero_point(self) -> ZeroPoint | None:
        """What the flows of one capture move while they stream by, where the package wants it."""
        share = self.package.zero_point_share
        return None if share is None else ZeroPoint(share, self.package.benign_index)

    def decide(self, X: np.ndarray, moved: Callable[[np.ndarray], np.ndarray] = lambda x: x) -> Decisions:
        """Decisions for (n, d) features; flows with NaN or infinity among them are unknown.

        moved : of logits, by the flows' zero point; without, every flow is judged alone.
        """
        finite = np.isfinite(X).all(axis=1)
        seen = X if finite.all() else np.where(finite[:, None], X, self.usual)
        logits, benign = moved(self.model.logits(seen)), self.package.benign_index
        shares = probabilities(logits, self.temperature)
        likeliest, log_odds = decide(
            logits,
            temperature=self.temperature,
            benign_index=benign,
            threshold=self.point.log_odds,
            unnamed=self.unnamed,
        )
        scaled = self.point.novelty.scale(seen)
        distance, prototype = nearest(scaled, self.point.novelty.prototypes)
        code, familiarity = self.point.call(
            log_odds, distance / np.float32(self.point.novelty.threshold), scaled
        )
        because = np.where(code == UNKNOWN, UNLIKE, STANDS).astype(np.int8)
        self._abstain(code, because, np.arange(len(X)), log_odds)
        code[~finite], because[~finite] = UNKNOWN, NOT_FINITE
        likeliest[code == BENIGN] = benign
        shares[~finite], log_odds[~finite], familiarity[~finite] = np.nan, np.nan, np.nan
        withheld = np.zeros(len(X), bool)
        return Decisions(
            code, likeliest, shares, log_odds, familiarity, finite, scaled, prototype, withheld, because
        )

    def _moved(
        self, logits: np.ndarray, flows: pa.RecordBatch | pa.Table, zero: ZeroPoint | None
    ) -> np.ndarray:
        """Logits of flows of one capture by its zero point, or of whole captures by their own."""
        if zero is not None:
            return zero.moved(logits, flows)
        share, benign = self.package.zero_point_share, self.package.benign_index
        return moved_in_table(logits, flows, share=share, benign_index=benign)

    def _weigh_habits(self, decisions: Decisions, flows: pa.RecordBatch | pa.Table) -> None:
        """Take back the alarms on flows that are a habit of their device, and raise those on others a little
        below the threshold. What is a habit is not abstained from either.
        """
        habits, lowest = self.point.habits, self.point.log_odds - UNUSUAL_LOG_ODDS
        d, abstained = decisions, decisions.because >= NOTHING_FITS
        near = d.finite & (abstained | ((d.code != UNKNOWN) & (d.log_odds >= lowest)))
        rows = np.flatnonzero(near)
        if habits is None or rows.size == 0:
            return
        ordinary = habits.are_ordinary(flows.take(pa.array(rows)))
        attack, benign = rows[~ordinary & (d.log_odds[rows] >= lowest)], rows[ordinary]
        d.withheld[benign] = d.code[benign] == ATTACK
        d.code[benign], d.because[benign] = BENIGN, STANDS
        d.likeliest[benign] = self.package.benign_index
        d.code[attack] = ATTACK
        self._abstain(d.code, d.because, attack, d.log_odds[attack] + UNUSUAL_LOG_ODDS)
        named = d.shares[attack].copy()
        named[:, [self.package.benign_index, *self._unnamed_if_others]] = -1.0
        d.likeliest[attack] = named.argmax(axis=1)

    def _abstain(self, code: np.ndarray, because: np.ndarray, rows: np.ndarray, log_odds: np.ndarray) -> None:
        """Withdraw the verdicts of some rows that their (m,) log-odds do not bear out; note why in `because`."""
        possible, decided = self.point.possible, code[rows] != UNKNOWN
        why = np.zeros(rows.size, np.int8) if possible is None else possible.withdrawn(code[rows], log_odds)
        because[rows[decided]] = why[decided]
        code[rows[why != STANDS]] = UNKNOWN

    def judge(
        self,
        batch: pa.RecordBatch | pa.Table,
        budget: Budget | None = None,
        zero: ZeroPoint | None = None,
    ) -> tuple[pa.Table, Decisions, np.ndarray]:
        """Verdict table of some flows (see `verdict_schema`), the decisions in it, and the features they were
        made from.

        budget : of the run that the flows belong to; default: they are a run of their own.
        zero : of the capture whose next flows these are; default: they are whole captures, in any order.
        """
        X = matrix_of(batch, self.package.features)
        d = self.decide(X, lambda logits: self._moved(logits, batch, zero))
        self._weigh_habits(d, batch)
        decided = verdict_columns(
            d.code,
            likeliest=d.likeliest,
            shares=d.shares,
            log_odds=d.log_odds,
            familiarity=d.familiarity,
            because=d.because,
            classes=self.package.classes,
        )
        reasons = reason_column(self.explain(X, d, budget or Budget()), X, self.usual, self.package.features)
        columns = {**flow_columns(batch), **decided, "reasons": reasons}
        return pa.table({name: columns[name] for name in self.schema.names}, schema=self.schema), d, X

    def explain(self, X: np.ndarray, decisions: Decisions, budget: Budget) -> Reasons:
        """The features that spoke for each verdict on (n, d) features; none for a verdict that was withdrawn."""
        reasons = no_reasons(len(X))
        attack = np.flatnonzero((decisions.code == ATTACK) & decisions.finite)
        strange = np.flatnonzero(decisions.because == UNLIKE)
        if attack.size:
            direction = self._direction(decisions.likeliest[attack])
            explain_attacks(
                reasons,
                attack,
                X,
                direction,
                usual=self.usual,
                model=self.model,
                log_odds=decisions.log_odds[attack],
                budget=budget,
            )
        if strange.size:
            explain_strange(reasons, strange, decisions.scaled, decisions.prototype, self.point.novelty)
        explain_broken(reasons, np.flatnonzero(~decisions.finite), X)
        drop_artefacts(reasons, X, self.usual, self.is_time)
        return reasons

    def reasons_of(self, features: np.ndarray, label: str) -> list[dict[str, Any]]:
        """What speaks for an attack class in one flow of (d,) finite features, as in its verdict."""
        X, reasons, one = features[None], no_reasons(1), np.zeros(1, np.int64)
        explain_attacks(
            reasons,
            one,
            X,
            self._direction(np.array([self.package.classes.index(label)])),
            usual=self.usual,
            model=self.model,
            log_odds=np.zeros(1),
            budget=Budget(),
        )
        drop_artefacts(reasons, X, self.usual, self.is_time)
        said: list[dict[str, Any]] = reason_column(reasons, X, self.usual, self.package.features).to_pylist()[
            0
        ]
        return said

    def _direction(self, classes: np.ndarray) -> np.ndarray:
        """(m, k) float32: each flow's class against benign, in calibrated log-odds."""
        direction = np.zeros((classes.size, len(self.package.classes)), np.float32)
        direction[np.arange(classes.size), classes] = 1.0 / self.temperature
        direction[:, self.package.benign_index] = -1.0 / self.temperature
        return direction
