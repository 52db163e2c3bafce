"""Signals end a program as an exception does, so that blocks clean up after themselves."""

from __future__ import annotations

import signal
import sys
from types import FrameType

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
HEARD: set[int] = set()  # signals that came
AGAIN_S = 0.05


def unwind_on_signals() -> None:
    """Let SIGTERM, SIGHUP and Ctrl-C raise in the main thread; a signal that the caller ignores (nohup) stays ignored.

    Python drops an exception that is raised in a finaliser or a callback of C, and would go on as if no signal had come:
    then it is raised again soon after (tested with a finaliser that takes its time).
    """
    if signal.getsignal(signal.SIGINT) in (signal.SIG_DFL, signal.default_int_handler):
        signal.signal(signal.SIGINT, _end)
    for number in ENDING_SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    if signal.getsignal(signal.SIGALRM) is signal.SIG_DFL:
        signal.signal(signal.SIGALRM, _raise)
        sys.unraisablehook = _say_or_raise_again


def _end(number: int, frame: FrameType | None) -> None:
    """Remember the signal and leave through every `finally`."""
    HEARD.add(number)
    _raise(number, frame)


def _raise(_number: int, _frame: FrameType | None) -> None:
    """Raise what the signals that came stand for."""
    raise KeyboardInterrupt if signal.SIGINT in HEARD else SystemExit(128 + min(HEARD))


def _say_or_raise_again(dropped: sys.UnraisableHookArgs) -> None:
    """An exception was dropped: that of a signal is raised again from another place, others are printed as always."""
    if HEARD and isinstance(dropped.exc_value, (SystemExit, KeyboardInterrupt)):
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
    else:
        sys.__unraisablehook__(dropped)
