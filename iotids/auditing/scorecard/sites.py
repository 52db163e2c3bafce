"""Checks of places: groups of rows that belong together, sites that a model has not seen, another table of real traffic."""

from __future__ import annotations

import numpy as np

from iotids.auditing.scorecard.finding import Finding, Worth, not_applicable
from iotids.auditing.scorecard.refits import (
    REPEATS,
    Rows,
    fit_predict,
    macro_f,
    random_split,
    split_by_groups,
    worth_of,
)
from iotids.auditing.scorecard.sample import Sample
from iotids.auditing.scorecard.tables import matrix_of

FEWEST_ROWS, MOST_SITES = 50, 8


def check_groups(sample: Sample) -> Finding:
    """Rows of one recording or pair of hosts on both sides of a random split; worth: whole groups on one side."""
    if (found := sample.groups) is None:
        return not_applicable("flow groups", "the table names no recording, site or address")
    what, groups = found
    split = sample.refits.plain[0]
    shared = float(np.isin(groups[split.test], groups[split.train]).mean())
    worth = sample.refits.resplit(f"keep {what} on one side", lambda r: split_by_groups(sample.y, groups, r))
    return Finding(
        "flow groups",
        shared > 0.5,
        f"{100 * shared:.0f} % of the test rows of a random split share their group ({what}, {len(np.unique(groups)):,} of them) "
        "with a training row." + ("" if worth else " Too few groups per class to split by them."),
        {"shared": shared, "groups": len(np.unique(groups)), "by": what},
        (worth,) if worth else (),
    )


NO_SITES = "the table names no two sites that share a class with the others"


def _sites(sample: Sample) -> tuple[str, np.ndarray, list[int]] | None:
    """The column of sites, or of groups where there are few, and its values of which some class is elsewhere, too."""
    for role in ("site", "group"):
        if role in sample.table.identity:
            values = sample.table.identity[role][sample.rows]
            numbers, counts = np.unique(values, return_counts=True)
            usable = [
                int(n)
                for n, c in zip(numbers, counts, strict=True)
                if c >= FEWEST_ROWS and np.isin(sample.y[values == n], sample.y[values != n]).any()
            ]
            if len(usable) > 1:
                return role, values, usable[:MOST_SITES]
    return None


def _of_one_class(sample: Sample, values: np.ndarray, sites: list[int]) -> list[int]:
    """Sites where everything is one class: a model that knows the site knows the class."""
    return [site for site in sites if len(np.unique(sample.y[values == site])) == 1]


def check_unseen_site(sample: Sample) -> Finding:
    """Leave one site out at a time; worth: against a random split of the same site's rows."""
    if (found := _sites(sample)) is None:
        return not_applicable("unseen site", NO_SITES)
    role, values, sites = found
    before, after = [], []
    for number, site in enumerate(sites):
        inside, outside = np.flatnonzero(values == site), np.flatnonzero(values != site)
        predicted = fit_predict(sample.x[outside], sample.y[outside], sample.x[inside], number)
        half = random_split(sample.y[inside], number)
        known = np.concatenate([outside, inside[half.train]])
        classes = np.intersect1d(sample.y[outside], sample.y[inside]).tolist()
        seen = fit_predict(sample.x[known], sample.y[known], sample.x[inside[half.test]], number)
        after.append(macro_f(sample.y[inside], predicted, classes))
        before.append(macro_f(sample.y[inside[half.test]], seen, classes))
    single = _of_one_class(sample, values, sites)
    worth = worth_of(
        "train without the site",
        before,
        after,
        np.array(before) - np.array(after),
        1 / max(len(after) - 1, 1),
    )
    return Finding(
        "unseen site",
        worth.points > 5,
        f"macro F on a {role} that training has not seen is {worth.after:.1f}, with some of its rows in training {worth.before:.1f}."
        + (f" {len(single)} of {len(sites)} {role}s have one class only." if single else ""),
        {"after": after, "before": before, "of one class": len(single)},
        (worth,),
    )


def check_matrix(sample: Sample) -> Finding:
    """Train on one site, test on each other one."""
    if (found := _sites(sample)) is None:
        return not_applicable("cross-capture matrix", NO_SITES)
    role, values, sites = found
    single = _of_one_class(sample, values, sites)
    names = sample.table.names[role]
    matrix: dict[str, dict[str, float | None]] = {}
    drops, elsewhere = [], []
    for number, site in enumerate(sites):
        if site in single:  # trained there, a model says that class of everything
            continue
        inside = np.flatnonzero(values == site)
        half: Rows = random_split(sample.y[inside], number)
        train = inside[half.train]
        row: dict[str, float | None] = {}
        for other in sites:
            test = inside[half.test] if other == site else np.flatnonzero(values == other)
            classes = np.intersect1d(sample.y[train], sample.y[test]).tolist()
            row[_name(names, other)] = (
                macro_f(
                    sample.y[test], fit_predict(sample.x[train], sample.y[train], sample.x[test], 0), classes
                )
                if classes
                else None
            )
        matrix[_name(names, site)] = row
        own = row[_name(names, site)]
        away = [v for key, v in row.items() if v is not None and key != _name(names, site)]
        elsewhere += away
        drops += [own - v for v in away if own is not None]
    if len(drops) < 2:
        return not_applicable(
            "cross-capture matrix", "no site has two classes of which two other sites have one"
        )
    own_mean = np.mean([d for row in matrix for d in [matrix[row][row]] if d is not None])
    worth = worth_of(
        "test at another site",
        [float(own_mean)],
        [float(own_mean - np.mean(drops))],
        np.array(drops)[: REPEATS * 2],
        0.0,
    )
    return Finding(
        "cross-capture matrix",
        float(np.mean(drops)) > 10,
        f"macro F at home {own_mean:.1f}, at the other {role}s {own_mean - np.mean(drops):.1f} on average, {min(elsewhere):.1f} at worst.",
        {"matrix": matrix},
        (worth,),
    )


def _name(names: tuple[str, ...], number: int) -> str:
    """A site's name, or its number where there are many."""
    return names[number] if number < len(names) else str(number)


def check_reference(sample: Sample, reference: Sample | None) -> list[Finding]:
    """Another table: can its rows be distinguished from this one's, and what does a model trained here score there."""
    checks = ("synthetic against real", "other dataset")
    if reference is None:
        return [not_applicable(check, "no second table was given (--reference TABLE)") for check in checks]
    shared = [name for name in sample.table.features if name in reference.table.features]
    if not shared:
        return [not_applicable(check, "the two tables share no feature by name") for check in checks]
    here = matrix_of({name: sample.table.features[name] for name in shared}, sample.rows)
    there = matrix_of({name: reference.table.features[name] for name in shared}, reference.rows)
    x, origin = np.concatenate([here, there]), np.repeat([0, 1], [len(here), len(there)])
    split = random_split(origin, 0)
    predicted = fit_predict(x[split.train], origin[split.train], x[split.test], 0)
    balanced = float(np.mean([(predicted[origin[split.test] == c] == c).mean() for c in (0, 1)]))
    findings = [
        Finding(
            checks[0],
            balanced > 0.9,
            f"a forest tells the rows of the two tables apart with a balanced accuracy of {balanced:.3f} by {len(shared)} shared features.",
            {"balanced_accuracy": balanced, "features": shared},
        )
    ]
    classes = [c for c in sample.table.classes if c in reference.table.classes]
    if len(classes) < 2:
        return [*findings, not_applicable(checks[1], "the two tables share fewer than two classes by name")]
    mine, theirs = (
        np.array([list(t.classes).index(c) for c in classes]) for t in (sample.table, reference.table)
    )
    scores_here, scores_there = [], []
    number_there = np.full(len(reference.table.classes), -1)
    number_there[theirs] = mine
    usable = np.isin(reference.y, theirs)
    for repeat in range(REPEATS):
        rows = random_split(sample.y, repeat)
        both = fit_predict(
            here[rows.train], sample.y[rows.train], np.concatenate([here[rows.test], there[usable]]), repeat
        )
        scores_here.append(macro_f(sample.y[rows.test], both[: len(rows.test)], mine.tolist()))
        scores_there.append(macro_f(number_there[reference.y[usable]], both[len(rows.test) :], mine.tolist()))
    worth: Worth = worth_of(
        "test on the other table",
        scores_here,
        scores_there,
        np.array(scores_here) - np.array(scores_there),
        0.43,
    )
    return [
        *findings,
        Finding(
            checks[1],
            worth.points > 10,
            f"macro F here {worth.before:.1f}, on {reference.table.name} {worth.after:.1f}.",
            {},
            (worth,),
        ),
    ]
