"""When to look for flows that need no memory any more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from iotids.flowmeter.pipeline.table import FlowTable, Over
from iotids.flowmeter.reading import blocks

SWEEP_US = 1_000_000  # when prompt: more at once than a second's are judged while the kernel's buffer fills
FLOWS_IN_MEMORY = 50_000  # 38 MB; more, and those past their timeout are spilled to disk
NO_TIME_YET = 1 << 62


class Certain(NamedTuple):
    """Every flow that ended at or before a time is over, if packets are at most the idle timeout out of order."""

    until_us: int


class Sweeper:
    """Looks through the table every 65,536 packets, or, when prompt, every second of packet time.

    Attributes
    ----------
    certain : Certain
        As of the last sweep of a profile with an idle timeout, once its flows are taken.
    """

    def __init__(self, table: FlowTable, *, prompt: bool = False) -> None:
        self.table = table
        self.prompt = prompt and table.rules.idle_us > 0
        self.flows_in_memory = FLOWS_IN_MEMORY
        self._swept_at = -NO_TIME_YET
        self._watermark = NO_TIME_YET
        self._packets = 0
        self.certain = Certain(-NO_TIME_YET)

    def sweep(self, oldest_us: int, n: int) -> Iterable[Over]:
        """Note n further packets, the oldest of that time; give the flows that are over.

        clean: end those silent for too long before the oldest packet since the last sweep. Without idle
        timeout: spill those whose timeout has passed to disk, when there are many.
        """
        self._watermark = min(self._watermark, oldest_us)
        self._packets += n
        if self._packets < blocks.STEP_PACKETS and not self.prompt:
            return ()
        watermark, self._watermark, self._packets = self._watermark, NO_TIME_YET, 0
        idle_us = self.table.rules.idle_us
        if idle_us == 0:
            if self.table.flows_in_memory() >= self.flows_in_memory:
                self.table.spill_expired(watermark)
        elif abs(watermark - self._swept_at) >= (SWEEP_US if self.prompt else idle_us // 4):
            self._swept_at = watermark
            self.certain = Certain(watermark - idle_us - 1)
            return self.table.expire(watermark)
        return ()
