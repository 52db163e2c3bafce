"""Everything a report says, as plain JSON: counts, incidents with reasons, what was not judged, drift, and
the model card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from iotids.detecting.incidents.in_words import count_in_words
from iotids.detecting.incidents.plain import incident_to_plain, utc_text
from iotids.detecting.judging.drift import FeatureDrift, drift_to_plain
from iotids.detecting.judging.fitness import Fitness
from iotids.detecting.package.model_card import model_card
from iotids.detecting.package.package import Package
from iotids.detecting.summary.not_judged import count_not_judged
from iotids.detecting.summary.tally import Tally

N_INCIDENTS, N_HOSTS = 25, 30


def summarise(
    tally: Tally,
    drift: Sequence[FeatureDrift],
    package: Package,
    *,
    ledgers: Sequence[Mapping[str, Any]],
    status: Mapping[str, Any],
    point: Mapping[str, Any],
    fitness: Fitness,
    view: Sequence[str] = (),
    withheld: int = 0,
) -> dict[str, Any]:
    """The summary of one run of detect.

    Parameters
    ----------
    ledgers : sequence of mapping
        The packet ledger of every capture.
    status : mapping
        `complete` (bool), `why` (text) and how the run was called and how fast it was.
    point : mapping
        Which operating point was applied: log_odds, attack_probability, where it comes from, doubts.
    fitness : Fitness
        Whether the package suits this traffic.
    view : sequence of str
        What the captures do not show, and what that does to the verdicts.
    withheld : int
        Alarms on what is ordinary here.
    """
    left = count_not_judged(ledgers)
    book, attacks = tally.incidents, tally.incidents.attacks()
    bars = [{"start": utc_text(us), **counts} for us, counts in tally.timeline.bars()]
    return {
        "status": dict(status),
        "flows": tally.flows,
        "verdicts": tally.verdicts,
        "not_judged": asdict(left)
        | {
            "packet_share": left.packet_share,
            "flow_share": left.flow_share,
            "in_words": left.in_words(),
        },
        "classes": tally.classes,
        "unknown_because": tally.because,
        "abstained": tally.abstained,
        "first": utc_text(tally.first_us),
        "last": utc_text(tally.last_us),
        "days": tally.days,
        "recordings": [recording.to_plain() for recording in tally.recordings.all],
        "usual_targets_a_minute": book.ordinary.targets_a_minute,
        "incidents": len(attacks),
        "weak_incidents": sum(not i.is_notable for i in attacks),
        "incidents_in_words": count_in_words(attacks, left_out=book.attacks_left_out),
        "incidents_left_out": book.left_out,
        "timeline": {"bin_s": tally.timeline.bin_us / 1e6, "bars": bars},
        "attacks": [incident_to_plain(i) for i in book.top("attack", N_INCIDENTS)],
        "unknown": [incident_to_plain(i) for i in book.top("unknown", N_INCIDENTS)],
        "hosts": [{"host": name, **counts} for name, counts in tally.top_hosts(N_HOSTS)],
        "talkers": [{"host": name, **counts} for name, counts in tally.top_talkers(10)],
        "captures": [dict(ledger) for ledger in ledgers],
        "fitness": fitness.to_plain(),
        "view": list(view),
        "withheld_alarms": withheld,
        "drift": drift_to_plain(drift),
        "operating_point": dict(point),
        "model": model_card(package),
    }
