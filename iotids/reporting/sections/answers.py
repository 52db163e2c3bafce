"""The report's questions answered in plain words, every word from a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from iotids.reporting.names import (
    METRIC,
    METRIC_TITLE,
    TASKS,
    TREES,
    UNSEEN,
    is_network,
    model_title,
    protocol_title,
)
from iotids.reporting.results import ProtocolScores, Result
from iotids.reporting.sections.certainty import interval
from iotids.reporting.sections.differences import corrected_t_test, holm

LEVEL = 0.05


class Comparison(NamedTuple):
    """One model against another: mean difference of METRIC over the folds (network minus other), Holm's p."""

    model: str
    other: str
    difference: float
    p: float

    @property
    def words(self) -> str:
        """better than / worse than / not told apart from."""
        if not self.p < LEVEL:
            return "not told apart from"
        return "better than" if self.difference > 0 else "worse than"


def compare(
    results: Mapping[tuple[str, str], Result], *, task: str, protocol: str, model: str, others: Sequence[str]
) -> list[Comparison]:
    """A model against others on the same folds, p-values adjusted for their number."""
    mine = results[task, model].protocols[protocol]
    there = [other for other in others if (task, other) in results and other != model]
    tests = [_test(mine, results[task, other].protocols[protocol]) for other in there]
    adjusted = holm([p for _, p in tests])
    return [
        Comparison(model, other, difference, p)
        for other, (difference, _), p in zip(there, tests, adjusted, strict=True)
    ]


def answers_markdown(
    results: Mapping[tuple[str, str], Result],
    *,
    figure_models: Mapping[str, str],
    protocols: Mapping[str, Sequence[str]],
) -> str:
    """Questions and answers for every task; `figure_models` names the network that stands for the paper's
    best of each task.
    """
    parts = [
        f"Compared is {METRIC_TITLE} over the same folds, by the corrected resampled t-test with Holm's adjustment at {LEVEL:.0%}; "
        '± is one standard deviation over folds. "Not told apart" means that these folds show no difference, not that there is none.\n'
    ]
    for task, model in figure_models.items():
        mine = list(protocols[task])
        parts.append(f"\n**{TASKS[task]}** ({model_title(model)} stands for the paper's best network)\n")
        parts += [f"* *{question}* {answer}" for question, answer in _questions(results, task, model, mine)]
    return "\n".join(parts) + "\n"


def _questions(
    results: Mapping[tuple[str, str], Result], task: str, model: str, protocols: Sequence[str]
) -> list[tuple[str, str]]:
    """Every question that the results can answer."""
    asked = [("Does depth matter?", _depth(results, task, protocols))]
    asked += [
        (
            "Does the network beat HT and NB?",
            _against(results, task, model, protocols, ("hoeffding_tree", "vfdt", "naive_bayes")),
        )
    ]
    asked += [("Does it beat trees?", _against(results, task, model, protocols, TREES))]
    asked += [("How much of it is there for free?", _free(results, task, protocols[0]))]
    asked += [("Does it survive another split?", _survival(results, task, model, protocols))]
    asked += [("Does it survive an unseen network or attack?", _unseen(results, task, model, protocols))]
    return [(question, answer) for question, answer in asked if answer]


def _depth(results: Mapping[tuple[str, str], Result], task: str, protocols: Sequence[str]) -> str:
    """The best depth against the others."""
    networks = [model for its_task, model in results if its_task == task and is_network(model)]
    if len(networks) < 2:
        return ""
    said = []
    for protocol in protocols:
        if protocol in UNSEEN:
            continue
        means = {model: results[task, model].protocols[protocol].mean[METRIC] for model in networks}
        best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
        told_apart = [
            c
            for c in compare(results, task=task, protocol=protocol, model=best, others=networks)
            if c.p < LEVEL
        ]
        verdict = "no depth is told apart from the best"
        if told_apart:
            verdict = (
                f"{model_title(best)} is told apart from {_join([model_title(c.other) for c in told_apart])}"
            )
        said.append(
            f"{_under(protocol)}: from {means[worst]:.4f} ({model_title(worst)}) to {means[best]:.4f} ({model_title(best)}), a range of "
            f"{means[best] - means[worst]:.4f} where one network's folds spread by ± {_spread(results, task, best, protocol)}; {verdict}"
        )
    return "; ".join(said) + "."


def _against(
    results: Mapping[tuple[str, str], Result],
    task: str,
    model: str,
    protocols: Sequence[str],
    others: Sequence[str],
) -> str:
    """One model against a group of others, per protocol."""
    said = []
    for protocol in protocols:
        if protocol in UNSEEN:
            continue
        compared = compare(results, task=task, protocol=protocol, model=model, others=others)
        if compared:
            words = [f"{c.words} {model_title(c.other)} ({c.difference:+.4f}, {_p(c.p)})" for c in compared]
            said.append(
                f"{_under(protocol)} ({results[task, model].protocols[protocol].mean[METRIC]:.4f}): {_join(words)}"
            )
    return "; ".join(said) + "." if said else ""


def _free(results: Mapping[tuple[str, str], Result], task: str, protocol: str) -> str:
    """What models score that know next to nothing."""
    told = []
    for model, what in (
        ("majority", "always the most frequent class"),
        ("dataset_oracle", "knowing only which network a flow comes from"),
        ("best_single_feature", "one feature"),
    ):
        if (task, model) in results and protocol in results[task, model].protocols:
            mean = results[task, model].protocols[protocol].mean
            told.append(f"{what}: accuracy {mean['accuracy']:.4f}, {METRIC_TITLE} {mean[METRIC]:.4f}")
    return f"{_under(protocol)}: " + "; ".join(told) + "." if told else ""


def _survival(
    results: Mapping[tuple[str, str], Result], task: str, model: str, protocols: Sequence[str]
) -> str:
    """The network under the first protocol and under the others."""
    others = [protocol for protocol in protocols[1:] if protocol not in UNSEEN]
    if not others:
        return ""
    first = results[task, model].protocols[protocols[0]]
    said = [f"{protocol_title(protocols[0])} {_figures(first)}"]
    for protocol in others:
        scored = results[task, model].protocols[protocol]
        lost = first.mean[METRIC] - scored.mean[METRIC]
        spread = float(np.hypot(np.nan_to_num(first.std[METRIC]), np.nan_to_num(scored.std[METRIC])))
        verdict = (
            f"{METRIC_TITLE} falls by {lost:.4f}"
            if lost > spread
            else f"a change of {-lost:+.4f}, within the spread of the folds"
        )
        said.append(f"{protocol_title(protocol)} {_figures(scored)}: {verdict}")
    return "; ".join(said) + "."


def _unseen(
    results: Mapping[tuple[str, str], Result], task: str, model: str, protocols: Sequence[str]
) -> str:
    """The network, the best of all models and the majority on flows of networks or attacks that were left out
    whole.
    """
    tested = [protocol for protocol in protocols if protocol in UNSEEN]
    if not tested:
        return "Not asked in this run: add `environment` or `attack` to `split.protocols`."
    seen = results[task, model].protocols[[protocol for protocol in protocols if protocol not in UNSEEN][-1]]
    return " ".join(_one_unseen(results, task, model, seen, protocol) for protocol in tested)


def _one_unseen(
    results: Mapping[tuple[str, str], Result], task: str, model: str, seen: ProtocolScores, protocol: str
) -> str:
    """One such split in two sentences."""
    scored = results[task, model].protocols[protocol]
    sure, lost = interval(scored, METRIC), seen.mean[METRIC] - scored.pooled[METRIC]
    verdict = (
        "it does not survive" if sure.high < seen.mean[METRIC] else "no fall that these recordings can show"
    )
    all_pooled = {
        name: result.protocols[protocol].pooled[METRIC]
        for (its_task, name), result in results.items()
        if its_task == task
    }
    best, majority = max(all_pooled, key=all_pooled.__getitem__), all_pooled.get("majority")
    worst = min(
        range(len(scored.folds)),
        key=lambda i: scored.folds[i]["accuracy"] if scored.folds[i]["rows"] else 2.0,
    )
    free = "" if majority is None else f"; always the most frequent class scores {majority:.4f}"
    change = f"{abs(lost):.4f} {'less' if lost > 0 else 'more'} than under the {protocol_title(seen.protocol)} split"
    return (
        f"{_under(protocol)}: {METRIC_TITLE} over all flows {sure.value:.4f} (95 %: {sure.low:.4f} to {sure.high:.4f}), {change}: {verdict}. "
        f"With {scored.fold_names[worst]} left out, {scored.folds[worst]['accuracy']:.1%} of its {int(scored.folds[worst]['rows']):,} flows are "
        f"judged right. Best of all models is {model_title(best)} ({all_pooled[best]:.4f}){free}."
    )


def _test(first: ProtocolScores, second: ProtocolScores) -> tuple[float, float]:
    """Difference and p of two models on the same folds."""
    return corrected_t_test(
        [f[METRIC] for f in first.folds], [f[METRIC] for f in second.folds], test_share=first.test_share
    )


def _figures(scored: ProtocolScores) -> str:
    """Accuracy and METRIC with their spread."""
    return (
        f"(accuracy {scored.mean['accuracy']:.4f} ± {np.nan_to_num(scored.std['accuracy']):.4f}, "
        f"{METRIC_TITLE} {scored.mean[METRIC]:.4f} ± {np.nan_to_num(scored.std[METRIC]):.4f})"
    )


def _under(protocol: str) -> str:
    """'Stratified split'."""
    title = protocol_title(protocol)
    return f"{title[0].upper()}{title[1:]} split"


def _spread(results: Mapping[tuple[str, str], Result], task: str, model: str, protocol: str) -> str:
    """Standard deviation over folds."""
    return f"{np.nan_to_num(results[task, model].protocols[protocol].std[METRIC]):.4f}"


def _p(value: float) -> str:
    """A p-value to read."""
    if np.isnan(value):
        return "p unknown: too few folds"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _join(words: Sequence[str]) -> str:
    """a, b and c."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
