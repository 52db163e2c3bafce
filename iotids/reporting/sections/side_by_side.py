"""Tables II and III of several runs side by side: what a flow profile, a data source or a split changes in
the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iotids.learning.scores.names import TASKS, UNSEEN, model_title, split_title
from iotids.writing.markdown import markdown_table, number

Row = Mapping[str, str]
Scores = Mapping[tuple[str, str, str, str], Row]  # by task, model, split, score


def table2_side_by_side(runs: Mapping[str, Sequence[Row]]) -> str:
    """Flows per source and class, one column per run beside the paper's.

    Parameters
    ----------
    runs : dict of run name to the rows of its table2.csv (source, class, flows, paper_flows)
        A cell that a run does not have is a dash; rows that are empty everywhere are left out.
    """
    tables = {name: {(row["source"], row["class"]): row for row in rows} for name, rows in runs.items()}
    keys = dict.fromkeys(key for table in tables.values() for key in table)
    lines, sums = [], dict.fromkeys(runs, 0)
    for key in keys:
        flows = {name: int(table[key]["flows"]) for name, table in tables.items() if key in table}
        printed = next(table[key].get("paper_flows", "") for table in tables.values() if key in table)
        if any(flows.values()) or printed not in ("", "0"):
            lines.append(
                [
                    *key,
                    f"{int(printed):,}" if printed else "–",
                    *(f"{flows[name]:,}" if name in flows else "–" for name in runs),
                ]
            )
            sums = {name: sums[name] + flows.get(name, 0) for name in runs}
    lines.append(["all", "", "", *(f"{total:,}" for total in sums.values())])
    return markdown_table(["Source", "Class", "paper", *runs], lines, kinds="ttn")


def table3_side_by_side(
    runs: Mapping[str, Sequence[Row]], *, models: Sequence[str], scores: Sequence[str]
) -> str:
    """Some scores of some models, one column per run beside the paper's.

    Parameters
    ----------
    runs : dict of run name to the rows of its table3.csv (task, model, split, score, paper, value, std)
    models : sequence of str
        Which models, in this order; those that no run has are left out.
    scores : sequence of str
        Which of the scores stand in a cell, for example accuracy and f1_weighted.
    """
    tables = {
        name: {(r["task"], r["model"], r["split"], r["score"]): r for r in rows}
        for name, rows in runs.items()
    }
    there = dict.fromkeys(key[:3] for table in tables.values() for key in table)
    lines = []
    for task, model, split in sorted(
        there, key=lambda key: [list(TASKS).index(key[0]), *_place(key[1], models)]
    ):
        if model in models:
            key = (task, model, split)
            cells = [_cell(table, key, scores) for table in tables.values()]
            lines.append(
                [
                    TASKS[task].split()[0],
                    model_title(model),
                    split_title(split),
                    _paper(tables, key, scores),
                    *cells,
                ]
            )
    return markdown_table(["", "Alg.", "split", "paper", *runs], lines, kinds="tttn")


def _place(model: str, models: Sequence[str]) -> list[int]:
    """Where a model stands in the table; unknown ones last."""
    return [list(models).index(model) if model in models else len(models)]


def _cell(table: Scores, key: tuple[str, str, str], scores: Sequence[str]) -> str:
    """The scores of a run with their spread over folds."""
    return " / ".join(_figure(table.get((*key, score))) for score in scores)


def _figure(row: Row | None) -> str:
    """One score. Older runs wrote a mean over folds for unseen sites too, which is another figure: a dash."""
    if row is None or ("value" not in row and row["split"] in UNSEEN):
        return "–"
    return number(float(row.get("value") or row["mean"]), float(row["std"] or "nan"))


def _paper(tables: Mapping[str, Scores], key: tuple[str, str, str], scores: Sequence[str]) -> str:
    """The printed figures, under the paper's own split."""
    printed = [next((t[(*key, s)]["paper"] for t in tables.values() if (*key, s) in t), "") for s in scores]
    return (
        " / ".join(number(float(value)) if value else "–" for value in printed)
        if key[2] == "stratified"
        else ""
    )
