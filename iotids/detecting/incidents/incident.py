"""One incident: alarms of one class by one actor (or by many sources on one victim) without a long silence."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from math import log10
from typing import Any

from iotids.detecting.incidents.catalogue import CRITICAL, meaning_of
from iotids.detecting.incidents.distinct import Distinct

PRIOR_FLOWS = 2.0  # an incident of few flows is as sure as if two more had been undecided
PACKETS_PER_FLOW = 50.0  # so many packets of one flow are as much evidence as one more flow
FULL_EVIDENCE = 4.0  # decades of flows from which on more of them add nothing
SMALLEST_SCORE = 10.0  # an attack incident of a lower score is a single alarm: counted and listed last
MOST_CAPTURES = 100  # whose names are kept
# fmt: off
COUNTS = (
    "flows", "answers", "attempts", "refused", "silent", "tcp", "udp", "packets", "payload_bytes", "probability_sum",
)
# fmt: on


Why = Callable[[], list[dict[str, Any]]]


@dataclass
class Incident:
    """Alarms that belong together.

    Attributes
    ----------
    actor, victim : address; the actor is empty when there are many sources, the victim when there are several.
    verdict, label : attack or unknown, and the class of most flows (of as many: the more severe). classes : flows of
        each class.
    flows : judged flows, answers included. answers : flows that the victim began, by the meter.
    attempts : TCP flows with a SYN of the actor. refused : of these, reset without data. silent : flows to
        the victim without an answer. tcp, udp : flows of the protocol.
    packets, payload_bytes, probability_sum : sums over the flows, the last of the attack probability.
    first_us, last_us : first packet's time, last packet's time. first_packet, last_packet : their numbers,
        in first_capture and last_capture. opened_us : the first packet's time as it was when the incident was opened.
    captures : names of those that hold its flows, 100 at most, in the order in which they came.
    victims, ports, sources : distinct hosts attacked, ports attacked, and hosts that attack.
    strongest : score of the flow that stands out most; example : its columns; why : finds its reasons, where the
        table has none.
    members : flow numbers by capture, lists of arrays; empty unless the book keeps them.
    """

    number: int
    verdict: str
    label: str
    actor: str
    victim: str = ""
    flows: int = 0
    answers: int = 0
    attempts: int = 0
    refused: int = 0
    silent: int = 0
    tcp: int = 0
    udp: int = 0
    packets: int = 0
    payload_bytes: float = 0.0
    probability_sum: float = 0.0
    first_us: int = 0
    last_us: int = 0
    first_capture: str = ""
    last_capture: str = ""
    first_packet: int = 0
    last_packet: int = 0
    captures: list[str] = field(default_factory=list)
    victims: Distinct = field(default_factory=Distinct)
    ports: Distinct = field(default_factory=Distinct)
    sources: Distinct = field(default_factory=Distinct)
    only_port: int = -1
    strongest: float = float("-inf")
    example: dict[str, Any] = field(default_factory=dict)
    why: Why | None = None
    members: dict[str, list[Any]] = field(default_factory=dict)
    usual: int | None = None
    classes: dict[str, int] = field(default_factory=dict)
    opened_us: int = 0
    is_open: bool = True

    def __post_init__(self) -> None:
        """At first all flows are of one class, and of one capture."""
        self.captures = self.captures or [self.first_capture] * bool(self.first_capture)
        self.classes = self.classes or {self.label: self.flows}
        self.opened_us = self.opened_us or self.first_us

    @property
    def id(self) -> str:
        """32 hexadecimal digits, the same in every output, for its beginning and its end, and in every run."""
        named = f"{self.number}|{self.verdict}|{self.actor}|{self.opened_us}"
        return hashlib.sha256(named.encode()).hexdigest()[:32]

    @property
    def is_notable(self) -> bool:
        """Whether it is an attack that stands out, and no single alarm."""
        return self.verdict == "attack" and self.score >= SMALLEST_SCORE

    @property
    def severity(self) -> int:
        """1 low to 4 critical, by the class."""
        return meaning_of(self.label).severity

    @property
    def confidence(self) -> float:
        """Mean attack probability of the flows, drawn to one half where there are few."""
        return (self.probability_sum + PRIOR_FLOWS / 2) / (self.flows + PRIOR_FLOWS)

    @property
    def evidence(self) -> float:
        """0 to 1: decades of flows, and of packets of large ones, out of four."""
        return min(1.0, log10(1.0 + self.flows + self.packets / PACKETS_PER_FLOW) / FULL_EVIDENCE)

    @property
    def score(self) -> float:
        """0 to 100: severity times confidence times evidence; incidents are ranked by it."""
        return 100.0 * self.severity / CRITICAL * self.confidence * self.evidence

    @property
    def reasons(self) -> list[dict[str, Any]]:
        """What speaks for the verdict in the flow that stands out most."""
        if self.why is not None:
            self.example["reasons"], self.why = self.why(), None
        reasons: list[dict[str, Any]] = self.example["reasons"]
        return reasons

    @property
    def seconds(self) -> float:
        """From the first to the last packet."""
        return (self.last_us - self.first_us) / 1e6

    def add(self, other: Incident) -> None:
        """Add what another one of the same attack holds."""
        self.opened_us = self.opened_us or other.opened_us
        if self.flows == 0 or other.first_us < self.first_us:
            self.first_us, self.first_capture = other.first_us, other.first_capture
            self.first_packet = other.first_packet
        if self.flows == 0 or other.last_us >= self.last_us:
            self.last_us, self.last_capture, self.last_packet = (
                other.last_us,
                other.last_capture,
                other.last_packet,
            )
        new = [name for name in other.captures if name not in self.captures]
        self.captures += new[: MOST_CAPTURES - len(self.captures)]
        for label, n in other.classes.items():
            self.classes[label] = self.classes.get(label, 0) + n
        self.label = max(
            self.classes, key=lambda label: (self.classes[label], meaning_of(label).severity, label)
        )
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("victims", "ports", "sources"):
            getattr(self, name).add_all(getattr(other, name))
        self.victim = self.victim or other.victim if len(self.victims) == 1 else ""
        self.only_port = (
            (other.only_port if self.only_port < 0 else self.only_port) if len(self.ports) == 1 else -1
        )
        for capture, flows in other.members.items():
            self.members.setdefault(capture, []).extend(flows)
        if other.strongest > self.strongest:
            self.strongest, self.example, self.why = other.strongest, other.example, other.why
