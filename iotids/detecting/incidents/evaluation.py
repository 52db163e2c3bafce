"""A detector judged by incidents: which attacks are found, on the right host, how soon, and how many are false.

An attack is what the true labels of one capture make when they are grouped as alarms are: same actor, class and
time. It is found when a reported incident has its actor (with many sources: its victim) while it lasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
import pyarrow as pa

from iotids.detecting.incidents.alarms import QUIET_US
from iotids.detecting.incidents.book import IncidentBook
from iotids.detecting.incidents.incident import SMALLEST_SCORE, Incident
from iotids.detecting.judging.verdict_words import ATTACK

ROWS_AT_ONCE = 32  # flows that are judged together, as live traffic would be
DAY_US = 86_400e6


@dataclass(frozen=True)
class Reported:
    """An incident as it ended, and the times at which its score had reached a level: (score, µs), rising."""

    incident: Incident
    reached: list[tuple[float, int]]

    def since_us(self, score: float) -> int | None:
        """When it had a score first."""
        return next((time_us for level, time_us in self.reached if level >= score), None)


@dataclass(frozen=True)
class Recorded:
    """One capture: its true attacks, the incidents reported, its hosts and its length in days."""

    site: str
    capture: str
    attacks: list[Incident]
    reported: list[Reported]
    hosts: frozenset[str]
    days: float


@dataclass
class SiteIncidents:
    """One site at one smallest score.

    `recordings` hold attacks, of which `found` have at least one found; `waits_s` are the seconds from the
    first packet of an attack to its first incident. False incidents are those of a host that attacks nobody
    in the capture.
    """

    site: str
    recordings: int = 0
    found: int = 0
    waits_s: list[float] = field(default_factory=list)
    false: int = 0
    days: float = 0.0
    hosts: set[str] = field(default_factory=set)

    @property
    def false_per_day(self) -> float | None:
        """None for less than an hour of traffic."""
        return self.false / self.days if self.days >= 1 / 24 else None

    @property
    def wait_s(self) -> float | None:
        """Median time to the first incident; None when nothing was found."""
        return median(self.waits_s) if self.waits_s else None


def recorded(
    verdicts: pa.Table, labels: np.ndarray, judged_us: np.ndarray, *, site: str, benign: str
) -> Recorded:
    """Replay the verdicts on one capture in the order in which they would be known.

    Parameters
    ----------
    verdicts : pa.Table
        As `Judge.judge` gives them.
    labels : (n,) of str
        The truth.
    judged_us : (n,) int64
        When each flow was over for the meter.
    """
    order = np.argsort(judged_us, kind="stable")
    verdicts, labels, judged_us = verdicts.take(order), labels[order], judged_us[order]
    truth = np.where(labels == benign, 0, ATTACK)
    field_ = verdicts.schema.get_field_index("class")
    true_verdicts = verdicts.set_column(field_, "class", pa.array(labels.astype(str)).dictionary_encode())
    true_book = IncidentBook()
    true_book.add(true_verdicts, truth)
    starts = verdicts.column("start").cast(pa.int64()).to_numpy()
    hosts = frozenset(verdicts.column("src_ip").to_pylist())
    attacks = [i for i in true_book.all() if i.verdict == "attack"]
    days = float(starts.max() - starts.min()) / DAY_US
    capture = verdicts.column("capture")[0].as_py()
    return Recorded(site, capture, attacks, list(_replayed(verdicts, judged_us)), hosts, days)


def score_sites(
    recordings: Sequence[Recorded], smallest_score: float = SMALLEST_SCORE
) -> list[SiteIncidents]:
    """Per site what is found and what is false when incidents from a score on are reported."""
    sites = {one.site: SiteIncidents(one.site) for one in recordings}
    for one in recordings:
        site = sites[one.site]
        site.days += one.days
        site.hosts |= one.hosts
        at = [(r.incident, r.since_us(smallest_score)) for r in one.reported]
        said = [(incident, since) for incident, since in at if since is not None]
        site.false += sum(not any(_is_of(incident, true) for true in one.attacks) for incident, _ in said)
        if not one.attacks:
            continue
        site.recordings += 1
        waits = [w for true in one.attacks if (w := _wait_s(true, said)) is not None]
        site.found += bool(waits)
        site.waits_s += waits[:1]
    return list(sites.values())


def score_for_false_rate(recordings: Sequence[Recorded], per_day: float) -> float:
    """The lowest score from which on all sites together have at most so many false incidents a day.

    Together: a site whose recordings last minutes cannot show one a day.
    """
    levels = sorted({round(level, 3) for one in recordings for r in one.reported for level, _ in r.reached})
    low, high = 0, len(levels)
    while low < high:
        middle = (low + high) // 2
        sites = score_sites(recordings, levels[middle])
        if sum(site.false for site in sites) <= per_day * sum(site.days for site in sites):
            high = middle
        else:
            low = middle + 1
    return levels[low] if low < len(levels) else float("inf")


# fmt: off
COLUMNS = (
    "site", "attack recordings found", "time to the first incident", "false incidents", "hours", "false a day",
    "false a host",
)
# fmt: on


def site_rows(recordings: Sequence[Recorded], smallest_score: float) -> list[list[str]]:
    """Cells of COLUMNS: one row per site, and all together."""
    sites = score_sites(recordings, smallest_score)
    both = SiteIncidents("all")
    for site in sites:
        both.recordings, both.found = both.recordings + site.recordings, both.found + site.found
        both.false, both.days = both.false + site.false, both.days + site.days
        both.waits_s += site.waits_s
        both.hosts |= {f"{site.site} {host}" for host in site.hosts}
    return [_cells(site) for site in (*sites, both)]


def _cells(site: SiteIncidents) -> list[str]:
    """One row."""
    rate, wait = site.false_per_day, site.wait_s
    return [
        site.site,
        f"{site.found} of {site.recordings}" if site.recordings else "–",
        "–" if wait is None else f"{wait:.0f} s",
        f"{site.false:,}",
        f"{site.days * 24:.1f}",
        "–" if rate is None else f"{rate:.1f}",
        f"{site.false / max(len(site.hosts), 1):.2f}",
    ]


def recordings_of(
    verdicts: pa.Table, flows: pa.Table, *, benign: str, idle_timeout_s: float
) -> list[Recorded]:
    """Each capture of a labelled flow table, with the verdicts on its flows replayed.

    Parameters
    ----------
    flows : pa.Table
        As the label stage writes them, row by row those of `verdicts`.
    """
    labels, sites, captures = (np.array(flows.column(n).to_pylist()) for n in ("label", "source", "capture"))
    judged, where = (
        judged_times(flows, int(idle_timeout_s * 1e6)),
        np.char.add(np.char.add(sites, "\0"), captures),
    )
    order = np.argsort(where, kind="stable")
    starts = np.flatnonzero(np.append(True, where[order][1:] != where[order][:-1])[: order.size]).tolist()
    found = []
    for start, stop in zip(starts, [*starts[1:], order.size], strict=True):
        rows = order[start:stop]
        site = str(sites[rows[0]])
        found.append(recorded(verdicts.take(rows), labels[rows], judged[rows], site=site, benign=benign))
    return found


def judged_times(table: pa.Table, idle_timeout_us: int) -> np.ndarray:
    """(n,) int64 µs when the meter hands out each flow of a table: at its last packet after RST or two FIN,
    else after the idle timeout.
    """
    column = lambda name: table.column(name).to_numpy(zero_copy_only=False)  # noqa: E731
    end = column("start_us") + np.maximum(column("flow_duration_us"), 0)
    is_over = (column("rst_flags") > 0) | (column("fin_flags") > 1)
    times: np.ndarray = np.where(is_over, end, end + idle_timeout_us)
    return times


def _replayed(verdicts: pa.Table, judged_us: np.ndarray) -> Iterator[Reported]:
    """Every attack incident of a capture and when it reached which score."""
    book, reached = IncidentBook(), {}  # type: ignore[var-annotated]
    words = verdicts.column("verdict").to_pylist()
    code = np.array([{"benign": 0, "attack": 1, "unknown": 2}[word] for word in words])
    for start in range(0, verdicts.num_rows, ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, verdicts.num_rows)
        book.add(verdicts.slice(start, stop - start), code[start:stop])
        for incident in book.all():
            steps = reached.setdefault(incident.number, [])
            if not steps or incident.score > steps[-1][0]:
                steps.append((incident.score, int(judged_us[stop - 1])))
    for incident in book.all():
        if incident.verdict == "attack":
            yield Reported(incident, reached[incident.number])


def _is_of(incident: Incident, true: Incident) -> bool:
    """Whether an incident is about a true attack: the same actor, or the same victim of many sources, while it
    lasts.
    """
    same = (
        incident.actor == true.actor
        if incident.actor and true.actor
        else incident.victim == true.victim != ""
    )
    return same and incident.first_us <= true.last_us + QUIET_US and incident.last_us >= true.first_us


def _wait_s(true: Incident, said: Sequence[tuple[Incident, int]]) -> float | None:
    """Seconds from the first packet of an attack to the first incident about it."""
    times = [since for incident, since in said if _is_of(incident, true)]
    return max(0.0, (min(times) - true.first_us) / 1e6) if times else None
