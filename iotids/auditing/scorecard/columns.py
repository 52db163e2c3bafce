"""Checks of columns: one that gives the class away, ports, addresses, families, further labels."""

from __future__ import annotations

import numpy as np

from iotids.auditing.scorecard.finding import Finding, not_applicable
from iotids.auditing.scorecard.refits import TEST_SHARE
from iotids.auditing.scorecard.roles import family_of
from iotids.auditing.scorecard.sample import Sample

PERMUTATIONS, ONE_RULE_GAIN, IMPORTANT = 20, 0.5, 0.4
FLIPS = 0.15


def _balanced(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Balanced accuracy."""
    return float(np.mean([(predicted[truth == c] == c).mean() for c in np.unique(truth)]))


def _one_feature_scores(x: np.ndarray, y: np.ndarray, test: np.ndarray, leaves: int) -> np.ndarray:
    """(k,) balanced accuracy of a tree of a few leaves on each feature alone."""
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, class_weight="balanced", random_state=0)
    return np.array(
        [
            _balanced(y[test], tree.fit(x[~test, i : i + 1], y[~test]).predict(x[test, i : i + 1]))
            for i in range(x.shape[1])
        ]
    )


def check_one_feature(sample: Sample) -> Finding:
    """The best single feature against the best under permuted labels; worth: it is dropped."""
    rows = np.random.default_rng(5).permutation(len(sample.y))[:8000]
    x, y = sample.x[rows], sample.y[rows]
    test, names = np.random.default_rng(1).random(len(y)) < TEST_SHARE, list(sample.table.features)
    if len(np.unique(y[test])) < 2 or len(np.unique(y[~test])) < 2:
        return not_applicable("one feature", "too few rows of two classes")
    scores = _one_feature_scores(x, y, test, 2 * len(sample.table.classes))
    order = np.argsort(-scores)
    best = order[:5]
    generator = np.random.default_rng(2)
    null = [
        _one_feature_scores(x[:, best], generator.permutation(y), test, 2 * len(sample.table.classes)).max()
        for _ in range(PERMUTATIONS)
    ]
    p = (1 + sum(value >= scores[order[0]] for value in null)) / (PERMUTATIONS + 1)
    top = names[int(order[0])]
    worth = sample.refits.without(f"drop {top}", [top])
    chance = 1 / len(np.unique(y))
    return Finding(
        "one feature",
        bool(scores[order[0]] > chance + 0.8 * (1 - chance)),
        f"{top} alone reaches a balanced accuracy of {scores[order[0]]:.3f} (chance {chance:.3f}; permuted labels at most "
        f"{max(null):.3f}, p = {p:.3f}).",
        {
            "ranking": {names[i]: float(scores[i]) for i in order[:15]},
            "p": p,
            "permuted": [float(v) for v in null],
        },
        (worth,) if worth else (),
    )


def check_one_rule(sample: Sample) -> Finding:
    """One threshold on one feature: how much of the majority's error it removes, against permuted labels."""
    from sklearn.tree import DecisionTreeClassifier

    rows = np.random.default_rng(6).permutation(len(sample.y))[:20_000]
    x, y = sample.x[rows], sample.y[rows]
    test = np.random.default_rng(1).random(len(y)) < TEST_SHARE

    def reduction(labels: np.ndarray) -> tuple[float, DecisionTreeClassifier]:
        stump = DecisionTreeClassifier(max_depth=1, random_state=0).fit(x[~test], labels[~test])
        commonest = np.bincount(labels[~test]).argmax()
        wrong = (labels[test] != commonest).mean()
        return float(1 - (stump.predict(x[test]) != labels[test]).mean() / wrong) if wrong else 0.0, stump

    removed, stump = reduction(y)
    generator = np.random.default_rng(2)
    null = [reduction(generator.permutation(y))[0] for _ in range(PERMUTATIONS)]
    p = (1 + sum(value >= removed for value in null)) / (PERMUTATIONS + 1)
    feature = int(stump.tree_.feature[0])
    name = list(sample.table.features)[feature] if feature >= 0 else "no feature"
    accuracy = float((stump.predict(x[test]) == y[test]).mean())
    worth = sample.refits.without(f"drop {name}", [name])
    return Finding(
        "one rule",
        removed > ONE_RULE_GAIN,
        f"`{name} <= {stump.tree_.threshold[0]:.6g}` has an accuracy of {accuracy:.3f} and removes {100 * removed:.0f} % of the "
        f"errors of the commonest class (permuted labels: at most {100 * max(null):.0f} %, p = {p:.3f}).",
        {"feature": name, "accuracy": accuracy, "error_removed": removed, "p": p},
        (worth,) if worth else (),
    )


def check_importance(sample: Sample) -> Finding:
    """A feature that a forest leans on for most of its decisions; worth: the first three are dropped."""
    from sklearn.ensemble import RandomForestClassifier

    rows = sample.refits.plain[0].train
    forest = RandomForestClassifier(20, n_jobs=-1, random_state=0).fit(sample.x[rows], sample.y[rows])
    names, order = list(sample.table.features), np.argsort(-forest.feature_importances_)[:5]
    shares = {names[i]: float(forest.feature_importances_[i]) for i in order}
    worth = sample.refits.without(f"drop {', '.join(list(shares)[:3])}", list(shares)[:3])
    first = next(iter(shares))
    return Finding(
        "leakage screen",
        shares[first] > IMPORTANT,
        f"{first} has {100 * shares[first]:.0f} % of a forest's importance.",
        {"importance": shares},
        (worth,) if worth else (),
    )


def check_ports(sample: Sample) -> Finding:
    """Ports and protocol: what they give away alone, and what a model loses without them or gains with them."""
    table = sample.table
    roles = [role for role in ("src_port", "dst_port", "protocol") if table.roles.get(role) in table.features]
    if not roles:
        return not_applicable("port and protocol shortcut", "the table has no column of ports or protocol")
    names = [table.roles[role] for role in roles]
    test = np.random.default_rng(1).random(len(sample.y)) < TEST_SHARE
    from sklearn.tree import DecisionTreeClassifier

    x = np.stack([sample.column(name) for name in names], axis=1)
    tree = DecisionTreeClassifier(max_leaf_nodes=50, class_weight="balanced", random_state=0)
    alone = _balanced(sample.y[test], tree.fit(x[~test], sample.y[~test]).predict(x[test]))
    chance = 1 / len(np.unique(sample.y))
    worth = sample.refits.without(f"drop {', '.join(names)}", names)
    return Finding(
        "port and protocol shortcut",
        alone > chance + 0.5 * (1 - chance),
        f"{', '.join(names)} alone reach a balanced accuracy of {alone:.3f} (chance {chance:.3f}).",
        {"balanced_accuracy": alone, "chance": chance},
        (worth,) if worth else (),
    )


def check_identity(sample: Sample) -> Finding:
    """Addresses and identifiers: worth is what a model gains that may see them."""
    identity = {n: v for n, v in sample.table.identity.items() if n not in ("site", "group")}
    if not identity:
        return not_applicable("identity columns", "the table has no address and no identifier")
    scores = {}
    for name, values in identity.items():
        seen = values[sample.rows]
        test = np.random.default_rng(1).random(len(seen)) < TEST_SHARE
        table = np.zeros((int(seen.max()) + 1, len(sample.table.classes)), np.int64)
        np.add.at(table, (seen[~test], sample.y[~test]), 1)
        scores[name] = _balanced(sample.y[test], table[seen[test]].argmax(axis=1))
    best = max(scores, key=lambda name: scores[name])
    worth = sample.refits.added(
        "give the model addresses and identifiers", [v[sample.rows] for v in identity.values()]
    )
    return Finding(
        "identity columns",
        scores[best] > 0.9,
        f"a look-up of {sample.table.roles.get(best, best)} alone has a balanced accuracy of {scores[best]:.3f}; "
        "the models of this audit do not see such columns.",
        {"balanced_accuracy": scores},
        (worth,),
    )


def check_families(sample: Sample) -> Finding:
    """What every family of features is worth: dropped one family at a time."""
    families: dict[str, list[str]] = {}
    for name in sample.table.features:
        families.setdefault(family_of(name), []).append(name)
    worths = [
        w
        for family, names in families.items()
        if (w := sample.refits.without(f"drop {family} ({len(names)})", names))
    ]
    if not worths:
        return not_applicable("ablation by family", "all features are of one family")
    most = max(worths, key=lambda one: one.points)
    # a family that matters is no fault: the table is shown, and red is left to shortcuts
    return Finding(
        "ablation by family",
        False,
        f"of {len(families)} families the one a model misses most: {most.intervention}, {most.points:+.1f} points "
        f"[{most.low:+.1f}, {most.high:+.1f}].",
        {w.intervention: {"points": w.points, "low": w.low, "high": w.high} for w in worths},
        tuple(sorted(worths, key=lambda one: -one.points)[:3]),
    )


def check_sensitivity(sample: Sample) -> Finding:
    """The share of a forest's answers that change when the values of ports and protocol are shuffled among the test rows."""
    from sklearn.ensemble import RandomForestClassifier

    roles = sample.table.roles
    names = [
        roles[role]
        for role in ("src_port", "dst_port", "protocol")
        if role in roles and roles[role] in sample.table.features
    ]
    if not names:
        return not_applicable("artefact sensitivity", "no feature is a port or the protocol")
    rows = sample.refits.plain[0]
    forest = RandomForestClassifier(20, n_jobs=-1, random_state=0).fit(
        sample.x[rows.train], sample.y[rows.train]
    )
    x = sample.x[rows.test]
    before, flips = forest.predict(x), {}
    for name in names:
        i, shuffled = list(sample.table.features).index(name), x.copy()
        shuffled[:, i] = np.random.default_rng(4).permutation(shuffled[:, i])
        flips[name] = float((forest.predict(shuffled) != before).mean())
    most = max(flips, key=lambda name: flips[name])
    return Finding(
        "artefact sensitivity",
        flips[most] > FLIPS,
        f"{100 * flips[most]:.1f} % of the answers change when {most} is shuffled among the test rows.",
        flips,
        tuple(filter(None, [sample.refits.without(f"drop {most}", [most])])),
    )


def check_other_labels(sample: Sample) -> Finding:
    """Further columns of labels, which a model must not see."""
    others = sample.table.other_labels
    said = (
        f"{', '.join(others)} look like further labels; they are kept from the models."
        if others
        else "one column of labels."
    )
    return Finding("further labels", bool(others), said, {"columns": list(others)})
