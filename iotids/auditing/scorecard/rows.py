"""Checks of rows: copies, contradictions, classes that resemble each other, values that cannot be, rare classes."""

from __future__ import annotations

import numpy as np

from iotids.auditing.duplicates import count_duplicates
from iotids.auditing.scorecard.finding import Finding, Worth, not_applicable
from iotids.auditing.scorecard.refits import Rows, fit_predict, gained, macro_f, random_split
from iotids.auditing.scorecard.sample import Sample
from iotids.counted import counted

COPIES, CONFLICTS, RARE_ROWS, NEAREST, CONSTANT = 0.01, 0.001, 100, 1e-6, 0.99
NEIGHBOURS_PER_CLASS, INDEX_ROWS = 500, 20_000


def check_duplicates(sample: Sample) -> Finding:
    """Rows whose features equal those of an earlier row; worth: one of each is kept before the split."""
    table = sample.table
    counts = count_duplicates(*sample.vectors, table.labels, table.classes)
    return Finding(
        "duplicates",
        counts["copies_share"] > COPIES,
        f"{100 * counts['copies_share']:.1f} % of the rows copy an earlier one; one vector occurs {counts['largest_group']:,} times.",
        counts,
        _kept(
            sample, "keep one row of each vector", _first_of_each(sample.vectors[0][sample.rows], sample.y)
        ),
    )


def check_conflicts(sample: Sample) -> Finding:
    """Equal features with different labels; worth: what a forest gains that neither trains nor is tested on such rows."""
    table = sample.table
    counts = count_duplicates(*sample.vectors, table.labels, table.classes)
    share = counts["conflicting_rows"] / table.rows
    pairs = sorted(counts["conflicting_rows_per_pair"].items(), key=lambda item: -item[1])[:3]
    return Finding(
        "label conflicts",
        share > CONFLICTS,
        f"{counts['conflicting_rows']:,} rows ({100 * share:.2f} %) share their vector with another class"
        + (f", most {pairs[0][0]}" if pairs else "")
        + f"; no classifier of single rows exceeds {100 * counts['best_possible_accuracy']:.2f} % accuracy.",
        {"share": share, "pairs": dict(pairs), "best_possible_accuracy": counts["best_possible_accuracy"]},
        tuple(
            map(
                gained,
                _kept(
                    sample,
                    "leave out the contradicting rows",
                    _of_one_label(sample.vectors[0], table.labels, sample.rows),
                ),
            )
        ),
    )


def _of_one_label(vectors: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Positions of those rows whose vector has one label in the whole table."""
    n = int(vectors.max(initial=-1)) + 1
    lowest, highest = np.full(n, np.iinfo(np.int64).max), np.full(n, -1)
    np.minimum.at(lowest, vectors, labels)
    np.maximum.at(highest, vectors, labels)
    return np.flatnonzero((lowest == highest)[vectors[rows]])


def _first_of_each(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Positions of the first row of every vector and label."""
    return np.sort(np.unique(np.stack([vectors, labels], axis=1), axis=0, return_index=True)[1])


def _kept(sample: Sample, intervention: str, kept: np.ndarray) -> tuple[Worth, ...]:
    """Fit on some of the sampled rows only."""
    if len(kept) == len(sample.y) or len(np.unique(sample.y[kept])) < 2:
        return ()

    def split(repeat: int) -> Rows:
        rows = random_split(sample.y[kept], repeat)
        return Rows(kept[rows.train], kept[rows.test])

    worth = sample.refits.resplit(intervention, split)
    return (worth,) if worth else ()


def check_near_duplicates(sample: Sample) -> Finding:
    """Classes whose rows lie on each other: the share of rows whose nearest neighbour has another class."""
    from sklearn.neighbors import NearestNeighbors

    scaled, labels = _scaled(sample)
    index = NearestNeighbors(n_neighbors=2).fit(scaled)
    names, found = sample.table.classes, {}
    for number in np.unique(labels):
        mine = np.flatnonzero(labels == number)[:NEIGHBOURS_PER_CLASS]
        distance, neighbour = index.kneighbors(scaled[mine])
        other = np.where(neighbour[:, 0] == mine, neighbour[:, 1], neighbour[:, 0])
        apart = np.where(neighbour[:, 0] == mine, distance[:, 1], distance[:, 0])
        for second in np.unique(labels[other]):
            if second != number:
                on_it = (labels[other] == second) & (apart <= NEAREST)
                if on_it.mean() > 0.02:
                    found[int(number), int(second)] = float(on_it.mean())
    if len(np.unique(labels)) < 3 and found:
        pair = next(iter(found))
        return Finding(
            "near-duplicate classes",
            True,
            _pair_sentence(names, pair, found[pair]),
            {"pairs": _named(names, found)},
        )
    worths = []
    if found:
        pair = max(found, key=lambda key: found[key])
        if worth := sample.refits.relabelled(
            f"merge {names[pair[0]]} and {names[pair[1]]}", np.where(sample.y == pair[1], pair[0], sample.y)
        ):
            worths.append(worth)
    said = _pair_sentence(names, pair, found[pair]) if found else "no class has rows on another's."
    return Finding(
        "near-duplicate classes", bool(found), said, {"pairs": _named(names, found)}, tuple(worths)
    )


def _pair_sentence(names: tuple[str, ...], pair: tuple[int, int], share: float) -> str:
    return (
        f"{100 * share:.1f} % of the rows of {names[pair[0]]} have a row of {names[pair[1]]} at no distance."
    )


def _named(names: tuple[str, ...], found: dict[tuple[int, int], float]) -> dict[str, float]:
    return {f"{names[a]}/{names[b]}": share for (a, b), share in found.items()}


def _scaled(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """At most 20,000 rows, every feature by its ranks' spread: signed logarithm, unit variance."""
    rows = np.random.default_rng(7).permutation(len(sample.y))[:INDEX_ROWS]
    x = sample.x[rows].astype(np.float64)
    x = np.sign(x) * np.log1p(np.abs(x))
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0), sample.y[rows]


def check_homogeneity(sample: Sample) -> Finding:
    """Whether test rows lie closer to training rows than training rows to each other (leakage), or all are alike."""
    from sklearn.neighbors import NearestNeighbors

    scaled, labels = _scaled(sample)
    split = random_split(labels, 0)
    index = NearestNeighbors(n_neighbors=2).fit(scaled[split.train])
    rows = {}
    for number in np.unique(labels):
        test = split.test[labels[split.test] == number][:NEIGHBOURS_PER_CLASS]
        train = split.train[labels[split.train] == number][:NEIGHBOURS_PER_CLASS]
        if len(test) >= 20 and len(train) >= 20:
            near = index.kneighbors(scaled[test], 1)[0][:, 0] <= NEAREST
            control = index.kneighbors(scaled[train])[0][:, 1] <= NEAREST
            margin = 1.96 * np.sqrt(near.var() / len(near) + control.var() / len(control))
            rows[sample.table.classes[number]] = (float(near.mean()), float(control.mean()), float(margin))
    if not rows:
        return not_applicable("homogeneity", "no class has 20 rows on both sides")
    leaking = [name for name, (near, control, margin) in rows.items() if near - control - margin > 0.05]
    most = max(rows, key=lambda name: rows[name][0])
    return Finding(
        "homogeneity",
        bool(leaking) or rows[most][0] > 0.5,
        f"{100 * rows[most][0]:.0f} % of the test rows of {most} have a training row at no distance "
        f"(training rows among themselves: {100 * rows[most][1]:.0f} %)"
        + (
            f"; more than among themselves: {', '.join(leaking)}."
            if leaking
            else "; no class more than among itself."
        ),
        {name: {"test": a, "control": b, "margin": m} for name, (a, b, m) in rows.items()},
        _test_on_new_vectors(sample),
    )


def _test_on_new_vectors(sample: Sample) -> tuple[Worth, ...]:
    """The same training rows, tested on those rows only whose features occur in none of them."""
    vectors = sample.vectors[0][sample.rows]

    def split(repeat: int) -> Rows:
        plain = sample.refits.plain[repeat]
        return Rows(plain.train, plain.test[~np.isin(vectors[plain.test], vectors[plain.train])])

    worth = sample.refits.resplit("test on vectors that training lacks", split)
    return (worth,) if worth else ()


def check_classes(sample: Sample) -> Finding:
    """Rows per class; worth: what a forest gains that trains on every class as often."""
    counts = np.bincount(sample.table.labels, minlength=len(sample.table.classes))
    rare = [name for name, n in zip(sample.table.classes, counts, strict=True) if n < RARE_ROWS]
    largest = counts.max() / counts.sum()
    return Finding(
        "class distribution",
        bool(rare) or largest > 0.95,
        f"{counted(len(counts), 'class')}; the largest has {100 * largest:.2f} % of the rows, the smallest {counted(int(counts.min()), 'row')}"
        + (f"; fewer than {RARE_ROWS}: {', '.join(rare)}." if rare else "."),
        dict(zip(sample.table.classes, counts.tolist(), strict=True)),
        _balanced_training(sample),
    )


def _balanced_training(sample: Sample) -> tuple[Worth, ...]:
    """Every class as often in training as the commonest, by drawing its rows again; worth: the gain."""

    def split(repeat: int) -> Rows:
        plain, generator = sample.refits.plain[repeat], np.random.default_rng([13, repeat])
        labels = sample.y[plain.train]
        most = np.bincount(labels).max()
        drawn = [generator.choice(plain.train[labels == c], most) for c in np.unique(labels)]
        return Rows(np.concatenate(drawn), plain.test)

    worth = sample.refits.repaired("weigh every class the same", split)
    return (worth,) if worth else ()


def check_integrity(sample: Sample) -> Finding:
    """Empty, infinite and impossible values; worth: their columns are dropped."""
    found: dict[str, dict[str, int]] = {}
    for name, values in sample.table.features.items():
        counts = {
            "empty": int(np.isnan(values).sum()),
            "infinite": int(np.isinf(values).sum()),
            "negative": 0 if "win" in name.lower() else int((values < 0).sum()),
        }
        if any(counts.values()):
            found[name] = counts
    total = sum(sum(counts.values()) for counts in found.values())
    worth = sample.refits.without("drop these columns", list(found)) if found else None
    names = ", ".join(list(found)[:4])
    return Finding(
        "data integrity",
        bool(found),
        f"{total:,} cells are empty, infinite or negative where that cannot be: {names}."
        if found
        else "no empty, infinite or negative value.",
        found,
        (worth,) if worth else (),
    )


def check_constant(sample: Sample) -> Finding:
    """Features of which one value takes 99 % of the rows; worth: they are dropped."""
    found = []
    for number, name in enumerate(sample.table.features):
        values, counts = np.unique(sample.x[:, number], return_counts=True)
        if counts.max() >= CONSTANT * len(sample.x):
            found.append((name, len(values)))
    dead = [name for name, n in found if n == 1]
    worth = (
        sample.refits.without("drop the near-constant ones", [name for name, _ in found]) if found else None
    )
    return Finding(
        "near-constant features",
        bool(found),
        f"{len(found)} of {sample.x.shape[1]} features hold one value in 99 % of the rows, {len(dead)} of them in all.",
        {"features": [name for name, _ in found], "constant": dead},
        (worth,) if worth else (),
    )


def check_seeds(sample: Sample) -> Finding:
    """The spread of macro F over five random splits: smaller differences than that say nothing."""
    scores = [sample.refits.before(repeat) for repeat in range(len(sample.refits.plain))]
    spread = float(np.std(scores, ddof=1))
    return Finding(
        "seed sensitivity",
        spread > 1.0,
        f"macro F of the same forest is {np.mean(scores):.1f} ± {spread:.2f} over {len(scores)} random splits.",
        {"scores": scores, "sd": spread},
    )


def check_permuted(sample: Sample) -> Finding:
    """With shuffled labels the forest must score like chance: a test of the audit itself."""
    generator, repeat = np.random.default_rng(3), 0
    rows, shuffled = sample.refits.plain[repeat], generator.permutation(sample.y)

    predicted = fit_predict(sample.x[rows.train], shuffled[rows.train], sample.x[rows.test], 0)
    classes = np.unique(sample.y).tolist()
    score = macro_f(shuffled[rows.test], predicted, classes)
    guessed = macro_f(shuffled[rows.test], generator.permutation(predicted), classes)
    return Finding(
        "shuffled labels",
        score > guessed + 5.0,
        f"with shuffled labels macro F is {score:.1f}; the same answers in random order give {guessed:.1f}.",
        {"score": score, "chance": guessed},
    )
