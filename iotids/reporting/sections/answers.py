"""The report's questions answered in plain words, every word from a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from iotids.learning.scores.metrics import find_metric
from iotids.learning.scores.names import (
    METRIC,
    TASKS,
    TREES,
    UNSEEN,
    model_title,
    split_title,
)
from iotids.learning.scores.runs.run_scores import RunScores, SplitScores
from iotids.learning.scores.significance import corrected_t_test, holm

FEWEST_SEEDS = 3  # of networks whose order is said: over seeds a row moves by as much as depths differ
LEVEL, METRIC_TITLE = 0.05, find_metric(METRIC).title


class Comparison(NamedTuple):
    """One model against another: mean difference of METRIC over the folds (network minus other), Holm's p."""

    model: str
    other: str
    difference: float
    p: float

    @property
    def words(self) -> str:
        """better than / worse than / no different from."""
        if not self.p < LEVEL:
            return "no different from"
        return "better than" if self.difference > 0 else "worse than"


def compare(
    results: Mapping[tuple[str, str], RunScores], *, task: str, split: str, model: str, others: Sequence[str]
) -> list[Comparison]:
    """A model against others on the same folds, p-values adjusted for their number."""
    mine = results[task, model].splits[split]
    there = [other for other in others if (task, other) in results and other != model]
    tests = [_test(mine, results[task, other].splits[split]) for other in there]
    adjusted = holm([p for _, p in tests])
    return [
        Comparison(model, other, difference, p)
        for other, (difference, _), p in zip(there, tests, adjusted, strict=True)
    ]


def answers_markdown(
    results: Mapping[tuple[str, str], RunScores],
    *,
    figure_models: Mapping[str, str],
    splits: Mapping[str, Sequence[str]],
) -> str:
    """Questions and answers for every task; `figure_models` names the network that stands for the paper's
    best of each task.
    """
    parts = [
        f"Compared is {METRIC_TITLE} over the same folds, by the corrected resampled t-test with Holm's adjustment at {LEVEL:.0%}; "
        '± is one standard deviation over folds. "No different" means that these folds show no difference, not that there is none. '
        "A row of one seed also differs by seed and machine (by up to 0.017 in a mean over five folds between two machines).\n"
    ]
    for task, model in figure_models.items():
        mine = list(splits[task])
        parts.append(f"\n**{TASKS[task]}** ({model_title(model)} stands for the paper's best network)\n")
        parts += [f"* *{question}* {answer}" for question, answer in _questions(results, task, model, mine)]
    return "\n".join(parts) + "\n"


def _questions(
    results: Mapping[tuple[str, str], RunScores], task: str, model: str, splits: Sequence[str]
) -> list[tuple[str, str]]:
    """Every question that the results can answer."""
    asked = [("Does depth matter?", _depth(results, task, splits))]
    asked += [("Does the recipe of training matter?", _recipe(results, task, splits))]
    asked += [
        (
            "Does the network beat HT and NB?",
            _against(results, task, model, splits, ("hoeffding_tree", "vfdt", "naive_bayes")),
        )
    ]
    asked += [("Does it beat trees?", _against(results, task, model, splits, TREES))]
    asked += [("How much of it is there for free?", _free(results, task, splits[0]))]
    asked += [("Does it survive another split?", _survival(results, task, model, splits))]
    asked += [("Does it survive an unseen site or attack?", _unseen(results, task, model, splits))]
    return [(question, answer) for question, answer in asked if answer]


def by_recipe(results: Mapping[tuple[str, str], RunScores], task: str) -> list[list[str]]:
    """Networks whose settings are the same but for depth and seed, together; the largest group first."""
    groups: dict[str, list[str]] = {}
    for (its_task, model), run in results.items():
        if its_task == task and run.stage == "network" and "depth" in run.params:
            same = {k: v for k, v in run.params.items() if k not in ("depth", "seed", "orders", "parts")}
            groups.setdefault(repr(sorted(same.items())), []).append(model)
    return sorted(groups.values(), key=len, reverse=True)


def _depth(results: Mapping[tuple[str, str], RunScores], task: str, splits: Sequence[str]) -> str:
    """The depths of networks that are trained alike: their range, and from `FEWEST_SEEDS` on which is best."""
    networks = next(iter(by_recipe(results, task)), [])
    if len(networks) < 2:
        return ""
    ordered = fewest_seeds(results, task, networks) >= FEWEST_SEEDS
    shown = [split for split in splits if split not in UNSEEN]
    said = [(_best_depth if ordered else _range_of_depths)(results, task, split, networks) for split in shown]
    return "; ".join(said) + "." + seeds_in_words(results, task, networks)


def _range_of_depths(
    results: Mapping[tuple[str, str], RunScores], task: str, split: str, networks: Sequence[str]
) -> str:
    """Between which values the networks lie, without their order."""
    means = {model: results[task, model].splits[split].mean[METRIC] for model in networks}
    lowest, highest = min(means.values()), max(means.values())
    widest = max((_spread(results, task, model, split) for model in networks), key=float)
    return (
        f"{_under(split)}: {_join([model_title(model) for model in networks])} lie between {lowest:.4f} and {highest:.4f}, a range of "
        f"{highest - lowest:.4f} where one network's folds spread by up to ± {widest}"
    )


def _best_depth(
    results: Mapping[tuple[str, str], RunScores], task: str, split: str, networks: Sequence[str]
) -> str:
    """The best depth and those that it differs from, over folds and by more than twice the spread over seeds."""
    scored = {model: results[task, model].splits[split] for model in networks}
    means = {model: one.mean[METRIC] for model, one in scored.items()}
    best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    over_seeds = max(float(np.nan_to_num(one.repeat_std.get(METRIC, np.nan))) for one in scored.values())
    different = [
        c
        for c in compare(results, task=task, split=split, model=best, others=networks)
        if c.p < LEVEL and abs(c.difference) > 2 * over_seeds
    ]
    verdict = "no depth differs significantly from the best"
    if different:
        verdict = f"{model_title(best)} differs significantly from {_join([model_title(c.other) for c in different])}"
    return (
        f"{_under(split)}: from {means[worst]:.4f} ({model_title(worst)}) to {means[best]:.4f} ({model_title(best)}), a range of "
        f"{means[best] - means[worst]:.4f} where one network's folds spread by ± {_spread(results, task, best, split)} and its seeds by up "
        f"to ± {over_seeds:.4f}; {verdict}"
    )


def fewest_seeds(results: Mapping[tuple[str, str], RunScores], task: str, networks: Sequence[str]) -> int:
    """Seeds of the network that was fitted with the fewest."""
    return min(int(results[task, model].params.get("orders", 1)) for model in networks)


def seeds_in_words(results: Mapping[tuple[str, str], RunScores], task: str, networks: Sequence[str]) -> str:
    """What a comparison of networks of one seed cannot say; empty where each was fitted with three or more."""
    fewest = fewest_seeds(results, task, networks)
    if fewest >= FEWEST_SEEDS:
        return ""
    seeds = "One seed" if fewest == 1 else f"{fewest} seeds"
    return f" {seeds} each: another seed may change the order of these networks, so none is given (`preset=seeds`)."


def _recipe(results: Mapping[tuple[str, str], RunScores], task: str, splits: Sequence[str]) -> str:
    """Networks that are trained otherwise against the one of the same depth in the largest group."""
    largest, *others = by_recipe(results, task) or [[]]
    depths = {results[task, model].params["depth"]: model for model in largest}
    said = []
    for model in [model for group in others for model in group]:
        base = depths.get(results[task, model].params["depth"])
        shared = [s for s in splits if s not in UNSEEN and base]
        for split in shared:
            for c in compare(results, task=task, split=split, model=model, others=[str(base)]):
                said.append(
                    f"{_under(split)}: {model_title(model)} is {c.words} {model_title(c.other)}, the same network trained "
                    f"otherwise ({c.difference:+.4f}, {_p(c.p)})"
                )
    return "; ".join(said) + "." if said else ""


def _against(
    results: Mapping[tuple[str, str], RunScores],
    task: str,
    model: str,
    splits: Sequence[str],
    others: Sequence[str],
) -> str:
    """One model against a group of others, per split."""
    said = []
    for split in splits:
        if split in UNSEEN:
            continue
        compared = compare(results, task=task, split=split, model=model, others=others)
        if compared:
            words = [f"{c.words} {model_title(c.other)} ({c.difference:+.4f}, {_p(c.p)})" for c in compared]
            said.append(
                f"{_under(split)} ({results[task, model].splits[split].mean[METRIC]:.4f}): {_join(words)}"
            )
    return "; ".join(said) + "." if said else ""


def _free(results: Mapping[tuple[str, str], RunScores], task: str, split: str) -> str:
    """What models score that know next to nothing."""
    said = []
    for model, what in (
        ("majority", "always the most frequent class"),
        ("dataset_oracle", "knowing only which site a flow comes from"),
        ("best_single_feature", "one feature"),
    ):
        if (task, model) in results and split in results[task, model].splits:
            mean = results[task, model].splits[split].mean
            said.append(f"{what}: accuracy {mean['accuracy']:.4f}, {METRIC_TITLE} {mean[METRIC]:.4f}")
    return f"{_under(split)}: " + "; ".join(said) + "." if said else ""


def _survival(
    results: Mapping[tuple[str, str], RunScores], task: str, model: str, splits: Sequence[str]
) -> str:
    """The network under the first split and under the others."""
    others = [split for split in splits[1:] if split not in UNSEEN]
    if not others:
        return ""
    first = results[task, model].splits[splits[0]]
    said = [f"{split_title(splits[0])} {_figures(first)}"]
    for split in others:
        scored = results[task, model].splits[split]
        lost = first.mean[METRIC] - scored.mean[METRIC]
        spread = float(np.hypot(np.nan_to_num(first.std[METRIC]), np.nan_to_num(scored.std[METRIC])))
        verdict = (
            f"{METRIC_TITLE} falls by {lost:.4f}"
            if lost > spread
            else f"a change of {-lost:+.4f}, within the spread of the folds"
        )
        said.append(f"{split_title(split)} {_figures(scored)}: {verdict}")
    return "; ".join(said) + "."


def _unseen(
    results: Mapping[tuple[str, str], RunScores], task: str, model: str, splits: Sequence[str]
) -> str:
    """The network, the best of all models and the majority on flows of sites or attacks that were left out
    whole.
    """
    tested = [split for split in splits if split in UNSEEN]
    if not tested:
        return "Not asked in this run: add `environment` or `attack` to `split.splits`."
    seen = results[task, model].splits[[split for split in splits if split not in UNSEEN][-1]]
    return " ".join(_one_unseen(results, task, model, seen, split) for split in tested)


def _one_unseen(
    results: Mapping[tuple[str, str], RunScores], task: str, model: str, seen: SplitScores, split: str
) -> str:
    """One such split in two sentences."""
    scored = results[task, model].splits[split]
    sure, lost = scored.intervals[METRIC], seen.mean[METRIC] - scored.value(METRIC)
    verdict = (
        "it does not survive" if sure.high < seen.mean[METRIC] else "no fall that these recordings can show"
    )
    all_pooled = {
        name: result.splits[split].pooled[METRIC]
        for (its_task, name), result in results.items()
        if its_task == task
    }
    best, majority = max(all_pooled, key=all_pooled.__getitem__), all_pooled.get("majority")
    worst = min(
        range(len(scored.folds)),
        key=lambda i: scored.folds[i]["accuracy"] if scored.folds[i]["rows"] else 2.0,
    )
    free = "" if majority is None else f"; always the most frequent class scores {majority:.4f}"
    change = (
        f"{abs(lost):.4f} {'less' if lost > 0 else 'more'} than under the {split_title(seen.split)} split"
    )
    return (
        f"{_under(split)}: {METRIC_TITLE} over all flows {sure.value:.4f} (95 %: {sure.low:.4f} to {sure.high:.4f}), {change}: {verdict}. "
        f"With {scored.fold_names[worst]} left out, {scored.folds[worst]['accuracy']:.1%} of its {int(scored.folds[worst]['rows']):,} flows are "
        f"judged right. Best of all models is {model_title(best)} ({all_pooled[best]:.4f}){free}."
    )


def _test(first: SplitScores, second: SplitScores) -> tuple[float, float]:
    """Difference and p of two models on the same folds."""
    return corrected_t_test(
        [f[METRIC] for f in first.folds], [f[METRIC] for f in second.folds], test_share=first.test_share
    )


def _figures(scored: SplitScores) -> str:
    """Accuracy and METRIC with their spread."""
    return (
        f"(accuracy {scored.mean['accuracy']:.4f} ± {np.nan_to_num(scored.std['accuracy']):.4f}, "
        f"{METRIC_TITLE} {scored.mean[METRIC]:.4f} ± {np.nan_to_num(scored.std[METRIC]):.4f})"
    )


def _under(split: str) -> str:
    """'Stratified split'."""
    title = split_title(split)
    return f"{title[0].upper()}{title[1:]} split"


def _spread(results: Mapping[tuple[str, str], RunScores], task: str, model: str, split: str) -> str:
    """Standard deviation over folds."""
    return f"{np.nan_to_num(results[task, model].splits[split].std[METRIC]):.4f}"


def _p(value: float) -> str:
    """A p-value to read."""
    if np.isnan(value):
        return "p unknown: too few folds"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _join(words: Sequence[str]) -> str:
    """a, b and c."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
