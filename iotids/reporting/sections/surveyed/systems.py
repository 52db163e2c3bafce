"""The systems of Section III and the paper's future work on the same flows, folds and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from iotids.learning.scores.names import METRIC, UNSEEN, model_title, split_title
from iotids.learning.scores.runs.run_scores import RunScores
from iotids.reporting.sections.costs import costs
from iotids.reporting.sections.per_class import per_class_markdown
from iotids.reporting.sections.surveyed.figures import figures_markdown
from iotids.writing.markdown import markdown_table, number

MEANING = (
    "Each system runs on the same flows, folds and metrics as the paper's networks. *Printed* is the work's own figure, on its own data and "
    "mostly its own split, so it is no figure to compare ours with. Ours: macro F, mean ± standard deviation over folds; of unseen sites all flows "
    "together, each judged by a model that saw no flow of its site. Costs are those of the first split, with whatever else the machine did.\n"
)
REFERENCES = ("dl_sensible", "dl4", "random_forest", "hist_gradient_boosting", "tuned_boosting", "majority")


def surveyed_markdown(runs: Mapping[tuple[str, str], RunScores], *, task: str, splits: Sequence[str]) -> str:
    """Table of systems, its answers, classes, what each work is known for, and what is faithful; '' without any.

    Parameters
    ----------
    runs : by (task, model)
    splits : of the task, the paper's first
    """
    mine = [run for (its_task, _), run in runs.items() if its_task == task]
    systems = [run for run in mine if run.origin]
    if not systems:
        return ""
    shown = [*systems, *(run for run in mine if run.model in REFERENCES and not run.origin)]
    parts = [MEANING, systems_markdown(shown, splits), answers_markdown(shown, splits)]
    parts += ["Precision / recall / F of each class:\n", per_class_markdown(shown, splits=splits)]
    parts += [figures_markdown(mine, splits), origins_markdown(systems)]
    return "\n".join(part for part in parts if part)


def systems_markdown(runs: Sequence[RunScores], splits: Sequence[str]) -> str:
    """A row per model: the work, its printed figure, ours under every split, cost."""
    rows = []
    for run in runs:
        origin = run.origin or {"work": "in the same run", "printed": ""}
        fit_s, _, us, kib = costs(run.splits[splits[0]])
        figures = [
            number(run.splits[s].value(METRIC), run.splits[s].spread(METRIC), digits=3) for s in splits
        ]
        rows.append(
            [model_title(run.model), origin["work"], origin["printed"] or "–", *figures]
            + [number(value, digits=2) for value in (fit_s, us, kib)]
        )
    titles = [f"macro F, {split_title(split)}" for split in splits]
    header = ["Model", "work", "printed", *titles, "fit, s per fold", "µs per flow", "size, KiB"]
    return markdown_table(header, rows, kinds="tttn")


def answers_markdown(runs: Sequence[RunScores], splits: Sequence[str]) -> str:
    """Which ideas keep most at an unseen site, and which lose most, as sentences with figures; '' without that split."""
    unseen = next((split for split in splits if split in UNSEEN), None)
    if unseen is None or len(runs) < 2:
        return ""
    value = {run.model: [run.splits[s].value(METRIC) for s in (splits[0], unseen)] for run in runs}
    known = {model: pair for model, pair in value.items() if np.isfinite(pair).all()}
    ranked = sorted(known, key=lambda model: -known[model][1])
    best = [f"{model_title(m)} {known[m][1]:.3f} (from {known[m][0]:.3f})" for m in ranked[:5]]
    losses = sorted(known, key=lambda model: known[model][1] - known[model][0])[:3]
    lost = [f"{model_title(m)} {known[m][1] - known[m][0]:+.3f}" for m in losses]
    near = max(known, key=lambda model: known[model][0])
    return (
        f"* Best at {split_title(unseen)}, macro F (from {split_title(splits[0])}): {'; '.join(best)}.\n"
        f"* Best at {split_title(splits[0])}: {model_title(near)} {known[near][0]:.3f}; at {split_title(unseen)} it is "
        f"number {ranked.index(near) + 1} of {len(ranked)}.\n"
        f"* Largest losses: {'; '.join(lost)}.\n"
    )


def origins_markdown(runs: Sequence[RunScores]) -> str:
    """Per work: faithful, adapted, assumed."""
    works = {run.origin["work"]: run.origin for run in runs if run.origin}
    rows = [
        [work, *("; ".join(origin[part]) or "–" for part in ("faithful", "adapted", "assumed"))]
        for work, origin in works.items()
    ]
    return "What is as the work says, what differs, and which settings are assumptions:\n\n" + markdown_table(
        ["work", "faithful", "adapted", "assumed settings"], rows, kinds="t"
    )
