"""Incidents before and after a calibration on half of a site's benign recordings, the site left out of training:
python -m tests.bench.bench_calibration out/dataset/flows.parquet out/baseline/multiclass-site_forests

Reads a run of `preset=detector`. Habits are learnt from one half of the recordings without an attack (or, with --by
time, from the first half of each), by the code of `iotids calibrate`; false incidents are those of the other half,
attack recordings are all of the site's. Both halves in turn.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from iotids.detecting.calibrating.learn_habits import Done, Ends, done_once, fit_habits
from iotids.detecting.incidents.evaluation import Recorded, score_sites
from iotids.detecting.incidents.incident import SMALLEST_SCORE
from iotids.detecting.measuring.zero_point import moved_shares
from iotids.detecting.ordinary.habits import UNUSUAL_LOG_ODDS, Habits, acts_of, numbers
from iotids.writing.markdown import markdown_table
from tests.bench.bench_incidents import BENIGN, judged_recordings, shares_of_unseen_sites

# fmt: off
COLUMNS = (
    "site", "half", "hours tested", "false before", "false after", "attack recordings found before",
    "of these found after", "found after",
)
# fmt: on


def habits_of(flows: pa.Table, alarm: np.ndarray) -> Habits:
    """Habits as a calibration learns them from benign flows; `alarm` (n,) bool as the package calls them."""
    captures = np.unique(np.array(flows.column("capture").to_pylist()), return_inverse=True)[1]
    ends, acts = Ends(), acts_of(flows)
    number = np.zeros(len(acts.ends), np.int64)
    for one in np.unique(captures):
        here = np.unique(np.concatenate([acts.device[captures == one], acts.peer[captures == one]]))
        number[here] = ends.number([acts.ends[i] for i in here.tolist()], int(one))
    names, of, shared = ends.devices()
    device, peer = of[number[acts.device]], of[number[acts.peer]]
    start = flows.column("start_us").to_numpy()
    end = start + np.maximum(flows.column("flow_duration_us").to_numpy(), 0)
    key = numbers(device, peer, acts.service)
    done = Done(names, shared, key, device, acts.levels, start, end, captures, alarm)
    return fit_habits(done.part(~done_once(done)))


def weighed(shares: np.ndarray, ordinary: np.ndarray, benign: int) -> np.ndarray:
    """(n, k) probabilities with habits considered: certainly benign, or 0.25 more log-odds of attack."""
    after = shares.copy()
    after[:, benign] /= np.exp(UNUSUAL_LOG_ODDS)
    after /= after.sum(axis=1, keepdims=True)
    after[ordinary] = np.eye(shares.shape[1])[benign]
    return after


def halves(flows: pa.Table, is_clean: np.ndarray, by: str) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, (n,) bool rows to learn from, and rows whose false incidents count."""
    captures, start = np.array(flows.column("capture").to_pylist()), flows.column("start_us").to_numpy()
    clean = np.unique(captures[is_clean])
    first = np.zeros(len(captures), bool)
    if by == "time":
        for capture in clean:
            here = captures == capture
            first |= here & (start < (start[here].min() + start[here].max()) / 2)
        yield "first half of each", first & is_clean, is_clean & ~first
        return
    first = np.isin(captures, clean[np.random.default_rng(0).permutation(clean.size)[: clean.size // 2]])
    for name, chosen in (("one", first), ("other", ~first)):
        yield name, chosen & is_clean, ~chosen & is_clean


def found_in(recordings: list[Recorded]) -> set[str]:
    """Captures with an attack that is found."""
    return {one.capture for one in recordings if score_sites([one])[0].found}


def false_in(recordings: list[Recorded], captures: set[str], since: dict[str, int]) -> int:
    """Incidents of captures without an attack that begin after a time."""
    return sum(
        r.since_us(SMALLEST_SCORE) is not None and r.incident.last_us >= since[one.capture]
        for one in recordings
        if one.capture in captures
        for r in one.reported
    )


def rows_of(
    site: str, flows: pa.Table, shares: np.ndarray, classes: list[str], by: str, threshold: float
) -> Iterator[list[str]]:
    """Cells of COLUMNS for every half."""
    benign = classes.index(BENIGN)
    captures, labels = (np.array(flows.column(name).to_pylist()) for name in ("capture", "label"))
    is_clean = ~np.isin(captures, np.unique(captures[labels != BENIGN]))
    start = flows.column("start_us").to_numpy()
    before = judged_recordings(flows, shares, classes, threshold)
    for name, learnt, tested in halves(flows, is_clean, by):
        if not (learnt.any() and tested.any()):
            continue
        habits = habits_of(flows.filter(learnt), 1 - shares[learnt, benign] >= threshold)
        after = judged_recordings(
            flows, weighed(shares, habits.are_ordinary(flows), benign), classes, threshold
        )
        counted = set(captures[tested].tolist())
        since = {capture: int(start[tested & (captures == capture)].min()) for capture in counted}
        hours = sum(np.ptp(start[tested & (captures == capture)]) for capture in counted) / 3.6e9
        false = [str(false_in(recordings, counted, since)) for recordings in (before, after)]
        found, still = found_in(before), found_in(after)
        attacks = len(np.unique(captures[labels != BENIGN]))
        yield [
            site,
            name,
            f"{hours:.1f}",
            *false,
            f"{len(found)} of {attacks}",
            str(len(found & still)),
            str(len(still)),
        ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--sites", nargs="+", required=True)
    parser.add_argument("--by", choices=["recording", "time"], default="recording")
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--zero-point", type=float, help="as final.zero_point_share (default: none)")
    arguments = parser.parse_args()
    table = pq.read_table(arguments.table)
    shares, classes = shares_of_unseen_sites(arguments.run, table.num_rows)
    sites = np.array(table.column("source").to_pylist())
    cells = []
    for site in arguments.sites:
        here = np.isfinite(shares).all(axis=1) & (sites == site)
        flows = table.filter(here)
        own = moved_shares(shares[here], flows, classes, benign=BENIGN, share=arguments.zero_point)
        cells += list(rows_of(site, flows, own, classes, arguments.by, arguments.threshold))
    print(markdown_table(list(COLUMNS), cells))


if __name__ == "__main__":
    main()
