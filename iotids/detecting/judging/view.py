"""What a capture lets one see: one direction only, a sample of the packets, no hardware addresses, a clock that jumps.

Each changes what verdicts mean, and none is an error. They are found by the flows alone: a TCP flow that carries
data is acknowledged, so data without one packet of the other side means that packets are missing.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TCP = 6
FEWEST = 20  # flows that a share is taken of
LONG = 5  # packets; of flows in both directions hardly any sample of so many holds one only
MISSING = 0.2  # of the TCP flows with data that nobody answers, above which packets are missing
NO_MAC = "00:00:00:00:00:00"
WITHOUT_MAC = 0.5  # of the flows
STEP_US = 600_000_000  # backward, between the beginnings of flows; the context's windows begin empty then
LEAP_US = 86_400_000_000  # forward


class ViewCounter:
    """Counts while flows stream by, capture after capture."""

    def __init__(self) -> None:
        self._flows = self._no_mac = self._with_data = self._unanswered = self._begun = 0
        self._long = self._long_unanswered = 0
        self._steps: dict[str, int] = {}
        self._leaps: dict[str, int] = {}
        self._capture, self._number, self._latest_us, self._start_us = "", -1, 0, 0

    def add(self, flows: pa.Table) -> None:
        """Count flows of one capture, in the order in which the meter hands them out."""
        if flows.num_rows == 0:
            return
        column = lambda name: flows.column(name).to_numpy()  # noqa: E731
        self._flows += flows.num_rows
        self._no_mac += pc.sum(pc.is_in(flows.column("src_mac"), pa.array(["", NO_MAC]))).as_py()
        data = (column("protocol") == TCP) & (column("fwd_bytes") + column("bwd_bytes") > 0)
        alone = data & ((column("bwd_packets") == 0) | (column("fwd_packets") == 0))
        self._with_data += int(data.sum())
        self._unanswered += int(alone.sum())
        self._begun += int((alone & (column("syn_flags") > 0)).sum())
        long = column("fwd_packets") + column("bwd_packets") >= LONG
        self._long += int((data & long).sum())
        self._long_unanswered += int((alone & long).sum())
        start = column("start_us").astype(np.int64)
        end = start + np.maximum(column("flow_duration_us").astype(np.int64), 0)
        self._follow_clock(flows.column("capture")[0].as_py() or "", column("flow_number"), start, end)

    def _follow_clock(
        self, capture: str, number: np.ndarray, start_us: np.ndarray, end_us: np.ndarray
    ) -> None:
        """Note flows that begin long before one with a smaller number, or long after the latest time: flows are numbered
        in order of their first packets.
        """
        if capture != self._capture:
            self._capture, self._number, self._latest_us = capture, -1, int(start_us.min())
        order = np.argsort(number, kind="stable")
        order = order[number[order] > self._number]
        if order.size == 0:
            return
        start, end = start_us[order], end_us[order]
        begun = np.maximum.accumulate(np.concatenate([[self._begun_us(start)], start]))
        seen = np.maximum.accumulate(np.concatenate([[self._latest_us], end]))
        back, forward = int((begun[:-1] - start).max()), int((start - seen[:-1]).max())
        self._number, self._latest_us, self._start_us = int(number[order[-1]]), int(seen[-1]), int(begun[-1])
        if back > STEP_US:
            self._steps[capture] = max(back, self._steps.get(capture, 0))
        if forward > LEAP_US:
            self._leaps[capture] = max(forward, self._leaps.get(capture, 0))

    def _begun_us(self, start_us: np.ndarray) -> int:
        """The latest begin of a flow of this capture so far."""
        return int(start_us[0]) if self._number < 0 else self._start_us

    @property
    def _is_one_way(self) -> bool:
        """Whether what is missing is one direction, so that long flows miss it too; by their SYN where long flows are few."""
        if self._long >= FEWEST:
            return self._long_unanswered > MISSING * self._long
        return self._begun >= self._unanswered / 2

    def sentences(self) -> list[str]:
        """What limits the verdicts, and how; empty for captures that show everything."""
        said = []
        missing = self._unanswered / max(self._with_data, 1)
        if self._with_data >= FEWEST and missing > MISSING:
            said.append((_ONE_WAY if self._is_one_way else _SAMPLED).format(missing))
        if self._flows >= FEWEST and self._no_mac > WITHOUT_MAC * self._flows:
            said.append(_WITHOUT_MAC)
        said += [_BACK.format(capture, us / 6e7) for capture, us in self._steps.items()]
        said += [_FORWARD.format(capture, us / LEAP_US) for capture, us in self._leaps.items()]
        return said


_ONE_WAY = (
    "one direction is missing (asymmetric routing, or a tap on one wire): {:.0%} of the TCP flows with data have no packet of the "
    "other side; ordinary traffic looks unanswered, as a scan or a flood is, so alarms mean little: capture both directions"
)
_SAMPLED = (
    "packets are missing (sampled, or lost while capturing): {:.0%} of the TCP flows with data have no packet of the other side; counts "
    "and shares are those of what is left, short attacks go unseen and ordinary flows look unanswered: capture every packet"
)
_WITHOUT_MAC = (
    "no hardware addresses in the capture (Linux cooked, raw IP): devices are known by their network address only, one with "
    "another address counts as new, and ARP spoofing shows nowhere"
)
_BACK = (
    "{}: the clock was set back by {:.0f} minutes or more; what end points did before is forgotten there, and times and "
    "rates across it are wrong"
)
_FORWARD = (
    "{}: nothing for {:.1f} days, or the clock was set; rates a day and habits count that time as quiet"
)
