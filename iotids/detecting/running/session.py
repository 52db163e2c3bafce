"""One run of detect: flows of any number of captures through the judge, into the verdict file and the totals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.counted import counted
from iotids.detecting.incidents.book import IncidentBook
from iotids.detecting.incidents.incident import Why
from iotids.detecting.judging.drift import DriftCounter
from iotids.detecting.judging.fitness import FitnessCounter
from iotids.detecting.judging.reasons import Budget
from iotids.detecting.judging.verdict_words import ATTACK
from iotids.detecting.judging.verdicts import Judge, matrix_of
from iotids.detecting.judging.view import ViewCounter
from iotids.detecting.measuring.zero_point import ZeroPoint
from iotids.detecting.running.verdict_files import VerdictFile
from iotids.detecting.summary.not_judged import count_not_judged
from iotids.detecting.summary.table_groups import few_rows
from iotids.detecting.summary.tally import Tally
from iotids.flowmeter.pipeline.worker_threads import Background, usable_cores

ROWS_AT_ONCE = 32_768  # flows that are counted and written together
GROWTH = 4  # how many times as many each time, up to there
ROWS_PER_BLOCK = 8_192  # of them judged together: enough to keep the network busy, 5 MB of features
ETHERNET_ONLY = (
    "original",
    "paper",
    "corrected",
)  # profiles that read every frame as Ethernet, whatever the capture says
WITHOUT_SINGLE_PACKETS = ("original", "paper")  # profiles that write no flow of one packet


class Ledger(Protocol):
    """What happened to the packets of a capture (flowmeter.ledger)."""

    def as_dict(self) -> dict[str, Any]:
        """As plain types."""


class MeteredCapture(Protocol):
    """A capture being metered (flowmeter.flows.Meter)."""

    @property
    def ledger(self) -> Ledger:
        """Where the packets went."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Flows as they end; the ledger is complete after the last."""


class Session:
    """Judges captures one after the other.

    Parameters
    ----------
    judge : Judge
    file : VerdictFile, optional
        Where verdicts go; None keeps the totals only.
    show : callable
        Hears the number of flows so far after every batch.
    book : IncidentBook, optional
        Takes the incidents.
    """

    def __init__(
        self,
        judge: Judge,
        file: VerdictFile | None,
        show: Callable[[Tally], None] = lambda _: None,
        book: IncidentBook | None = None,
    ) -> None:
        self.judge, self.file, self._show = judge, file, show
        self.tally = Tally(book)
        self.drift = DriftCounter(judge.package.features, judge.package.reference["drift"])
        self.fitness = FitnessCounter()
        self.ledgers: list[dict[str, Any]] = []
        self.view = ViewCounter()
        self.withheld = 0  # alarms of flows that are ordinary here
        self.budget = Budget()

    def take(
        self,
        capture: MeteredCapture,
        *,
        at_once: int = ROWS_AT_ONCE,
        packets_before: int = 0,
        aside: Callable[..., None] | None = None,
    ) -> dict[str, Any]:
        """Judge all flows of a capture; gives its ledger, with `fault` set where the capture could not be
        judged as a whole.

        Parameters
        ----------
        at_once : int
            Flows to wait for before they are judged together; 1 for live traffic.
        packets_before : int
            Packets of the same file that were read before: packet numbers go on from there.
        aside : callable, optional
            Also gets (features, decisions, verdicts, flows) of every batch; calibration listens here.
        """
        zero = self.judge.new_zero_point()
        for flows in _meanwhile(gathered(capture.batches(), at_once), wanted=at_once > 1):
            blocks = (
                flows.slice(start, ROWS_PER_BLOCK) for start in range(0, flows.num_rows, ROWS_PER_BLOCK)
            )
            verdicts = pa.concat_tables([self._judge(block, zero, aside) for block in blocks])
            if packets_before:
                verdicts = _renumbered(verdicts, packets_before)
            if self.file is not None:
                self.file.write(verdicts)
            self.tally.add(verdicts, partial(self._explainers, flows))
            self._show(self.tally)
        ledger = capture.ledger.as_dict()
        ledger["fault"] = ledger["fault"] or unjudged(ledger)
        self.ledgers.append(ledger)
        return ledger

    def _judge(self, flows: pa.Table, zero: ZeroPoint | None, aside: Callable[..., None] | None) -> pa.Table:
        """Verdicts on a block of flows, which drift and a listening calibration see too."""
        self.budget.earn(flows.num_rows)
        verdicts, decisions, X = self.judge.judge(flows, self.budget, zero)
        self.view.add(flows)
        self.fitness.add(decisions.log_odds, decisions.familiarity)
        self.withheld += int(decisions.withheld.sum())
        ordinary = decisions.finite & ((decisions.code != ATTACK) | (aside is not None))
        self.drift.add(X, np.flatnonzero(ordinary))
        if aside is not None:
            aside(X, decisions, verdicts, flows)
        return verdicts

    def _explainers(self, flows: pa.Table, rows: list[int], labels: list[str]) -> list[Why]:
        """What finds the reasons of some alarms, and keeps no more than their features."""
        features = self.judge.package.features
        X = matrix_of(few_rows(flows.select(features), rows), features)
        return [
            partial(self.judge.reasons_of, own.copy(), label) for own, label in zip(X, labels, strict=True)
        ]


def _meanwhile(tables: Iterator[pa.Table], *, wanted: bool) -> Iterable[pa.Table]:
    """The same tables; where there is a second core the next is made while one is judged. Live verdicts would come later."""
    return Background(tables, depth=1) if wanted and usable_cores() > 1 else tables


def _renumbered(verdicts: pa.Table, packets_before: int) -> pa.Table:
    """Verdicts with packet numbers that count from the beginning of the file."""
    for name in ("first_packet", "last_packet"):
        place = verdicts.schema.get_field_index(name)
        verdicts = verdicts.set_column(place, name, pc.add(verdicts.column(name), packets_before))
    return verdicts


def gathered(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Batches joined until they have so many rows, of a capture's first ones fewer: the first verdict comes soon; what
    is left comes last.
    """
    waiting: list[pa.RecordBatch] = []
    n, enough = 0, 1
    for batch in batches:
        waiting.append(batch)
        n += batch.num_rows
        if n >= enough:
            yield pa.Table.from_batches(waiting)
            waiting, n, enough = [], 0, min(rows, GROWTH * n)
    if n:
        yield pa.Table.from_batches(waiting)


def unjudged(ledger: dict[str, Any]) -> str:
    """Why a capture that was read to its end still has no (or no trustworthy) verdicts; empty if it has."""
    packets, links = ledger["packets"], ledger["links"]
    if packets == 0:
        return "the capture holds no packets"
    strange = [link for link in links if link != "Ethernet" and link != "raw IP"]
    if strange and ledger["profile"] in ETHERNET_ONLY:
        why = f"the model's profile {ledger['profile']} reads Ethernet only"
        return f"its frames are {', '.join(strange)}, but {why}; use a model of the profile clean"
    if ledger["set_aside"].get("unsupported_link", 0) == packets:
        return f"frames of {', '.join(links)} are not decoded: none of {counted(packets, 'packet')} could be judged"
    if ledger["flows"] == 0:
        advice = (
            "" if ledger["profile"] not in WITHOUT_SINGLE_PACKETS else "; use a model of the profile clean"
        )
        return f"{count_not_judged([ledger]).in_words()}{advice}"
    return ""
