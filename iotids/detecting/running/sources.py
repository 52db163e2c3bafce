"""What detect is pointed at: capture files, standard input, or a folder in which captures are written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iotids.detecting.running.stop import Stop
from iotids.flowmeter.flows import Meter
from iotids.flowmeter.live import LiveMeter

FRESH_S = 2.0  # a file that was written to since then may still be written to


class NamedFile:
    """A capture file, which should not change while it is read."""

    packets_before = 0

    def __init__(self, path: str, settings: Mapping[str, Any], stop: Stop) -> None:
        self.path, self._settings, self._stop = path, settings, stop

    def open(self) -> Meter:
        """The flow meter of the file."""
        self._size = Path(self.path).stat().st_size
        return open_capture(self.path, self._settings, self._stop)

    def close(self, ledger: Mapping[str, Any]) -> str:
        """What was wrong with the file, or nothing."""
        fault, state = str(ledger["fault"]), Path(self.path).stat()
        grew, fresh = state.st_size != self._size, time.time() - state.st_mtime < FRESH_S
        if not self._stop.signal and (grew or (fresh and "cut off" in fault)):
            advice = "wait until it is finished, or use --follow or a pipe"
            return f"still growing while it was read; {advice} ({fault or 'so far without fault'})"
        return fault


class StandardInput:
    """Packets from a pipe, judged as they arrive."""

    path, packets_before = "-", 0

    def __init__(self, settings: Mapping[str, Any], stop: Stop) -> None:
        self._settings, self._stop = settings, stop

    def open(self) -> LiveMeter:
        """The flow meter of what arrives."""
        meter = LiveMeter(**self._settings, stopped=self._stop.asked)
        end_when_asked(meter, self._stop)
        return meter

    def close(self, ledger: Mapping[str, Any]) -> str:
        """What was wrong; a live capture that was stopped may end in the middle of a packet."""
        return "" if self._stop.signal else str(ledger["fault"])


def open_capture(path: str, settings: Mapping[str, Any], stop: Stop) -> Meter:
    """The flow meter of a file; when asked to stop it ends early with all flows handed out.

    Parameters
    ----------
    settings : mapping
        Section `meter` of package.json: flows are made as the training flows were.
    """
    meter = Meter(path, keep_going=True, with_digest=False, **settings)
    end_when_asked(meter, stop)
    return meter


def end_when_asked(meter: Meter, stop: Stop) -> None:
    """Have a meter read no further once a signal came."""
    blocks = meter.capture.blocks
    meter.capture.blocks = lambda: stop.until_asked(blocks())  # type: ignore[method-assign]
