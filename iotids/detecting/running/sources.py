"""Open what detect is pointed at: a capture file, standard input, or a folder of rotating captures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from iotids.detecting.running.follow import finished_captures
from iotids.detecting.running.stop import Stop
from iotids.flowmeter.flows import Meter
from iotids.flowmeter.live import LiveMeter
from iotids.flowmeter.reading import is_capture_name


def open_capture(path: str, settings: Mapping[str, Any], stop: Stop) -> Meter:
    """The flow meter of a capture; when asked to stop it ends early with all flows handed out.

    Parameters
    ----------
    path : str
        A file; `-` is standard input.
    settings : mapping
        Section `meter` of package.json: flows are made as the training flows were.
    """
    meter = (
        LiveMeter(**settings, stopped=stop.asked)
        if path == "-"
        else Meter(path, keep_going=True, with_digest=False, **settings)
    )
    blocks = meter.capture.blocks
    meter.capture.blocks = lambda: stop.until_asked(blocks())  # type: ignore[method-assign]
    return meter


def captures_of(paths: list[str], folder: Path | None, stop: Stop) -> Iterable[str]:
    """The named captures, or those that appear in a folder until a signal comes."""
    if folder is None:
        return list(paths)
    return map(str, finished_captures(folder, is_capture=is_capture_name, stopped=stop.asked))
