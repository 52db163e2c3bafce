"""Meter standard input as it arrives.

The flow meter reads whole megabytes, hands rows out in large batches and looks for silent flows every 65,536
packets: right for files, minutes too late on a quiet network. Here a block is what one read gives, and flows
go out with the block in which they ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iotids.flowmeter.flows import Meter
from iotids.flowmeter.reading import Capture


class LiveMeter(Meter):
    """Meters standard input until it ends or `stopped` says so; other arguments as for Meter."""

    def __init__(self, profile: str, *, stopped: Callable[[], bool], **options: Any) -> None:
        super().__init__("-", profile, threads=1, prompt=True, with_digest=False, keep_going=True, **options)
        self.capture = Capture(
            "-",
            keep_going=True,
            check_times=self.capture.check_times,
            with_digest=False,
            stopped=stopped,
        )
