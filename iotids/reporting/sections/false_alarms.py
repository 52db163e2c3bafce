"""What a detector would cost in false alarms: rates at fixed recall, recall at fixed rates, and alarms per
day at a site.
"""

from __future__ import annotations

from collections.abc import Mapping

from iotids.learning.scores.alarms import expected_alarms
from iotids.learning.scores.metrics import FPR_LEVELS, RECALL_LEVELS
from iotids.learning.scores.names import model_title
from iotids.learning.scores.runs.run_scores import RunScores, SplitScores
from iotids.writing.markdown import csv_table, markdown_table, number

FLOWS_PER_DAY, BASE_RATES, RECALL = 100_000, (0.01, 0.001), 0.95
FPR_AT = {level: f"fpr_at_recall_{level * 100:.0f}" for level in RECALL_LEVELS}
RECALL_AT = {level: f"recall_at_fpr_{level:.0e}".replace("e-0", "e-") for level in FPR_LEVELS}
MEANING = (
    f"An alarm is any attack against benign, ranked by 1 - score of benign. Alarms are those of a site with {FLOWS_PER_DAY:,} flows a day at "
    f'the threshold that finds {RECALL:.0%} of the attack flows; "true" is the share of alarms that are attacks where 1 % or 0.1 % of the flows are. '
    "Thresholds are chosen on the tested rows themselves, so a detector in use does worse. With n benign flows per fold no rate below 1/n can be seen.\n"
)


def false_alarms_markdown(results: Mapping[tuple[str, str], RunScores], *, task: str, split: str) -> str:
    """A row per model, fewest false alarms first."""
    header = [
        "Model",
        *(f"FPR at recall {level:.2f}" for level in FPR_AT),
        *(f"recall at FPR {level:g}" for level in RECALL_AT),
    ]
    header += ["false alarms a day"] + [f"true at {rate:.1%}" for rate in BASE_RATES]
    mine = [result.splits[split] for (its_task, _), result in results.items() if its_task == task]
    titles = [model_title(model) for its_task, model in results if its_task == task]
    rows = []
    for title, scored in sorted(
        zip(titles, mine, strict=True), key=lambda pair: pair[1].value(FPR_AT[RECALL])
    ):
        rates = [number(scored.value(name)) for name in (*FPR_AT.values(), *RECALL_AT.values())]
        alarms = [_alarms(scored, rate) for rate in BASE_RATES]
        rows.append(
            [
                title,
                *rates,
                f"{alarms[-1].false_alarms_per_day:,.0f}",
                *(number(one.precision, digits=3) for one in alarms),
            ]
        )
    return markdown_table(header, rows)


def false_alarms_csv(results: Mapping[tuple[str, str], RunScores]) -> str:
    """Alarms per day at every recall and base rate, for every model, task and split that can be ranked."""
    rows: list[list[object]] = []
    for (task, model), result in results.items():
        for split, scored in result.splits.items():
            for recall, name in FPR_AT.items():
                fpr = scored.value(name)
                if fpr == fpr:  # not NaN: the split has attacks and benign flows
                    for rate in BASE_RATES:
                        one = expected_alarms(
                            recall=recall, fpr=fpr, base_rate=rate, flows_per_day=FLOWS_PER_DAY
                        )
                        alarms = [one.alarms_per_day, one.false_alarms_per_day, one.precision]
                        rows.append([task, model, split, recall, fpr, rate, FLOWS_PER_DAY, *alarms])
    header = [
        "task",
        "model",
        "split",
        "recall",
        "fpr",
        "base_rate",
        "flows_per_day",
        "alarms_per_day",
        "false_alarms_per_day",
        "precision",
    ]
    return csv_table(header, rows)


def _alarms(scored: SplitScores, base_rate: float):  # type: ignore[no-untyped-def]
    """At the recall of the table."""
    return expected_alarms(
        recall=RECALL, fpr=scored.value(FPR_AT[RECALL]), base_rate=base_rate, flows_per_day=FLOWS_PER_DAY
    )
