"""What a detector's rates mean on a network: alarms per day, and how many of them are true, at the base rates
one expects there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Alarms:
    """Alarms on a network of known traffic: precision is NaN when there is no alarm at all."""

    base_rate: float
    alarms_per_day: float
    false_alarms_per_day: float
    precision: float


def expected_alarms(*, recall: float, fpr: float, base_rate: float, flows_per_day: float) -> Alarms:
    """Alarms to expect from a recall and a false-positive rate.

    Parameters
    ----------
    recall, fpr : float in [0, 1]
        Of attack flows found and of benign flows flagged; a test set's own share of attacks plays no part.
    base_rate : float in [0, 1]
        Share of attack flows on the network (the test sets have 20 to 80 %; a home network on a quiet day
        less than 0.1 %).
    flows_per_day : float

    Returns
    -------
    Alarms
        precision = base_rate recall / (base_rate recall + (1 - base_rate) fpr), Axelsson's base-rate fallacy
        (2000).

    Raises
    ------
    ValueError
        A rate outside 0 to 1; the message names it.
    """
    for name, value in (("recall", recall), ("fpr", fpr), ("base_rate", base_rate)):
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} is {value}; a rate lies between 0 and 1")
    true, false = base_rate * recall * flows_per_day, (1.0 - base_rate) * fpr * flows_per_day
    return Alarms(base_rate, true + false, false, true / (true + false) if true + false > 0 else float("nan"))
