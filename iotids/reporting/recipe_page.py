"""The recipe taken apart: what each piece of it is worth, per class, with its spread over training folds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from iotids.reporting.figures.plots import COLOURS, INK, new_figure, tidy
from iotids.writing.markdown import markdown_table, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER = {"optimiser": "sgd 0.09", "dropout": 0.2, "inputs": "raw"}
ASSUMED = {"width": 64}  # the paper does not say it; its rows are trained so
WORDS = {
    "optimiser": {"sgd 0.09": "SGD, momentum 0.09 (paper)", "sgd 0.9": "SGD, momentum 0.9", "adam": "Adam"},
    "inputs": {"raw": "inputs as they are (paper)", "log": "logarithms of the inputs"},
}


@dataclass(frozen=True)
class Tried:
    """What every recipe reached on the inner splits of some training folds.

    Attributes
    ----------
    recipes : values of the factors of each recipe
    macro_f : (folds, recipes); NaN where training diverged
    f1 : by class, (folds, recipes); NaN too where the inner split has no row of it
    chosen : name of the recipe that each fold chose
    diverged : name of each recipe that diverged, by fold
    not_judged : classes with too few rows for the inner split, by fold
    """

    recipes: list[dict[str, Any]]
    names: list[str]
    macro_f: np.ndarray
    f1: dict[str, np.ndarray]
    chosen: list[str]
    diverged: list[list[str]]
    not_judged: list[list[str]]


def read_tried(document: Mapping[str, Any], split: str) -> Tried:
    """From a run's folds.json.

    Raises
    ------
    ValueError
        The run did not try recipes, or has no such split.
    """
    if split not in document["splits"]:
        raise ValueError(f"no split {split}; the run has {', '.join(document['splits'])}")
    facts = [fold["facts"] for fold in document["splits"][split]["folds"]]
    if not all("tried" in one for one in facts):
        raise ValueError(
            f"the run is of kind {document['kind']!r}, which tries no recipes; wanted is a run of kind recipe"
        )
    names = list(facts[0]["tried"])
    cells = [[one["tried"][name] for name in names] for one in facts]
    missing = float("nan")

    def of_class(cell: Mapping[str, Any], name: str) -> float:
        value = (cell["f1"] or {}).get(name)
        return missing if value is None else value

    return Tried(
        [
            {key: value for key, value in cell.items() if key not in ("macro_f", "f1", "fault")}
            for cell in cells[0]
        ],
        names,
        np.array([[missing if c["macro_f"] is None else c["macro_f"] for c in row] for row in cells]),
        {n: np.array([[of_class(c, n) for c in row] for row in cells]) for n in document["classes"]},
        [one["recipe"] for one in facts],
        [[name for name, c in zip(names, row, strict=True) if c["macro_f"] is None] for row in cells],
        [one["classes_not_judged_inside"] for one in facts],
    )


def levels(tried: Tried) -> dict[str, list[Any]]:
    """Values of each factor that has more than one, first the one that the paper's rows are trained by."""
    found: dict[str, list[Any]] = {}
    for factor in tried.recipes[0]:
        values = list(dict.fromkeys(recipe[factor] for recipe in tried.recipes))
        if len(values) > 1:
            first = [value for value in values if value == (PAPER | ASSUMED).get(factor)]
            found[factor] = first + [value for value in values if value not in first]
    return found


def of_level(tried: Tried, scores: np.ndarray, factor: str, value: Any) -> np.ndarray:
    """(folds,) mean score of the recipes with a value of a factor; NaN where none of them was judged."""
    chosen = np.array([recipe[factor] == value for recipe in tried.recipes])
    return np.array([mean_known(row) for row in scores[:, chosen]])


def mean_known(values: np.ndarray) -> float:
    """Mean of what is not NaN; NaN where nothing is left."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def pair_differences(tried: Tried, factor: str, value: Any, base: Any) -> np.ndarray:
    """(folds, pairs) macro F of each recipe with a value of a factor, less that of the recipe that differs in
    this factor alone and has its `base` value; NaN where one of the two diverged.
    """
    places = {_but_for(recipe, factor, recipe[factor]): i for i, recipe in enumerate(tried.recipes)}
    pairs = [
        (i, places[_but_for(recipe, factor, base)])
        for i, recipe in enumerate(tried.recipes)
        if recipe[factor] == value and _but_for(recipe, factor, base) in places
    ]
    here, there = np.array(pairs).reshape(-1, 2).T
    return tried.macro_f[:, here] - tried.macro_f[:, there]


def _but_for(recipe: Mapping[str, Any], factor: str, value: Any) -> tuple[Any, ...]:
    """The values of a recipe with another one for a factor."""
    return tuple({**recipe, factor: value}.values())


def worth_rows(tried: Tried) -> list[list[str]]:
    """A row per factor and value: macro F, its difference from the factor's first value over the pairs of recipes
    that differ in it alone, their number, F1 of each class; mean ± sd over folds, of a single fold's difference
    over the pairs.
    """
    rows = []
    for factor, values in levels(tried).items():
        for value in values:
            pairs = pair_differences(tried, factor, value, values[0])
            change = ["–", ""] if value == values[0] else [signed(pairs), str(np.sum(~np.isnan(pairs)))]
            scores = [(tried.macro_f, 3), *((one, 2) for one in tried.f1.values())]
            cells = [
                number(*spread(of_level(tried, one, factor, value)), digits=digits) for one, digits in scores
            ]
            rows.append([factor, in_words(factor, value), cells[0], *change, *cells[1:]])
    return rows


def spread(values: np.ndarray) -> tuple[float, float | None]:
    """Mean and standard deviation over what is known; None for a single value."""
    known = values[~np.isnan(values)]
    return mean_known(values), float(known.std(ddof=1)) if known.size > 1 else None


def signed(pairs: np.ndarray) -> str:
    """A difference with its sign and spread: over folds, of one fold over the (folds, pairs)."""
    mean, std = spread(np.array([mean_known(row) for row in pairs]) if len(pairs) > 1 else pairs.ravel())
    return "–" if np.isnan(mean) else f"{mean:+.3f}" + (f" ± {std:.3f}" if std is not None else "")


def in_words(factor: str, value: Any) -> str:
    """A value of a factor for people."""
    plain = f"{value:g}" if isinstance(value, float) else str(value)
    paper = " (paper)" if PAPER.get(factor) == value else ""
    paper = " (assumed for the paper's)" if ASSUMED.get(factor) == value else paper
    return WORDS.get(factor, {}).get(value, f"{factor} {plain}{paper}")


def best_rows(tried: Tried, count: int = 6) -> list[list[str]]:
    """The best recipes and the paper's, by mean macro F on the inner splits; how many folds chose each."""
    means = recipe_means(tried)
    order = [i for i in np.argsort(-means).tolist() if not np.isnan(means[i])]
    assumed = {factor: values[0] for factor, values in levels(tried).items() if factor in ASSUMED}
    papers = [i for i, recipe in enumerate(tried.recipes) if recipe == recipe | PAPER | assumed]
    rows = []
    for i in dict.fromkeys([*order[:count], *papers]):
        classes = [number(*spread(scores[:, i]), digits=2) for scores in tried.f1.values()]
        title = tried.names[i] + (" (the paper's)" if i in papers else "")
        rows.append(
            [
                title,
                number(*spread(tried.macro_f[:, i]), digits=3),
                str(tried.chosen.count(tried.names[i])),
                *classes,
            ]
        )
    return rows


def recipe_means(tried: Tried) -> np.ndarray:
    """(recipes,) mean macro F over the folds in which a recipe did not diverge; NaN where it always did."""
    return np.array([mean_known(column) for column in tried.macro_f.T])


def recipe_markdown(tried: Tried, *, data: str, task: str, split: str) -> str:
    """The tables of one run."""
    n_folds, n_recipes = tried.macro_f.shape
    parts = [
        f"### {task}, {split} split, data {data}\n",
        f"{n_recipes} recipes, each on the inner split of {n_folds} training fold{'s' * (n_folds > 1)}; no test row was "
        f"looked at. ± is the standard deviation over {'folds' if n_folds > 1 else 'pairs of recipes'}; a pair differs in "
        "the factor alone.\n",
        markdown_table(
            ["factor", "value", "macro F", "against the first", "pairs", *tried.f1],
            worth_rows(tried),
            kinds="ttnnn" + "n" * len(tried.f1),
        ),
        markdown_table(
            ["recipe", "macro F", "chosen by folds", *tried.f1],
            best_rows(tried),
            kinds="tnn" + "n" * len(tried.f1),
        ),
    ]
    if any(tried.diverged):
        lost = sorted({name for names in tried.diverged for name in names})
        parts.append(f"Diverged in at least one fold and left out there: {'; '.join(lost)}.\n")
    if any(tried.not_judged):
        few = sorted({name for names in tried.not_judged for name in names})
        parts.append(
            f"Too few rows in at least one training fold for the inner split, so learnt but not judged there: {', '.join(few)}.\n"
        )
    return "\n".join(parts)


def recipe_figure(tried: Tried, title: str) -> Figure:
    """A panel per factor: every recipe is a point, a line joins the means, bars are ± one sd over folds, if several."""
    found = levels(tried)
    figure = new_figure(3.1 * len(found), 3.8)
    panels = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
    mean = recipe_means(tried)
    for axes, (factor, values), colour in zip(panels, found.items(), itertools.cycle(COLOURS), strict=False):
        values = sorted(values) if all(isinstance(value, float | int) for value in values) else values
        for place, value in enumerate(values):
            points = mean[[recipe[factor] == value for recipe in tried.recipes]]
            axes.plot(
                place + np.linspace(-0.14, 0.14, len(points)), np.sort(points), ".", color=colour, alpha=0.45
            )
        stats = [spread(of_level(tried, tried.macro_f, factor, value)) for value in values]
        axes.errorbar(
            range(len(values)),
            [m for m, _ in stats],
            [s or 0.0 for _, s in stats],
            color=INK,
            capsize=4,
            marker="D",
        )
        axes.set_xticks(range(len(values)), [tick(value) for value in values])
        axes.set_title(factor, fontsize=10, loc="left")
        axes.set_xlim(-0.5, len(values) - 0.5)
        tidy(axes)
    panels[0].set_ylabel("macro F on the inner split")
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    return figure


def tick(value: Any) -> str:
    """A value on an axis."""
    return (
        f"{value:g}"
        if isinstance(value, float)
        else str(value).replace("sgd ", "SGD ").replace("adam", "Adam")
    )


def pages(found: Sequence[tuple[str, Tried]], data: str, split: str) -> str:
    """The tables of several tasks."""
    return "\n".join(recipe_markdown(tried, data=data, task=task, split=split) for task, tried in found)
