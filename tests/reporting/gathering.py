"""Every figure that the outputs of a finished run print, by what it is called: (task, split, model, score), and `by capture`
where every capture weighs the same. Each output has a reader; all give {name: value} with the digits printed.
"""

import csv
import json
import re
from collections import defaultdict
from pathlib import Path

from iotids.detecting.package.model_card import SCORES, cross_validation_html
from iotids.learning.scores.names import TASKS, model_title, split_title
from iotids.tracking.model_card import metadata

TASK_OF = {title.split()[0]: task for task, title in TASKS.items()}  # Binary, Multi-class
SHORT = {"two classes": "binary", "five classes": "multiclass"}
# fmt: off
SCORE_OF = {
    "Acc.": "accuracy", "accuracy": "accuracy", "macro F": "f1_macro", "MCC": "mcc", "Brier": "brier", "ECE": "ece",
    "balanced accuracy": "balanced_accuracy", "detection ROC area": "detection_roc_auc", "ROC area": "roc_auc",
    "P": "precision_weighted", "R": "recall_weighted", "F": "f1_weighted",
}
# fmt: on
SPLIT_OF = {
    split_title(split): split for split in ("stratified", "grouped", "environment", "dedup", "attack")
}
BY_CAPTURE = "by capture"
MLFLOW_DIGITS = 5  # publishing keeps six significant digits; no score reaches ten


def tables(page):
    """(text before it, header cells, rows of cells) of every Markdown table."""
    lines, start = page.splitlines(), 0
    for i, line in enumerate(lines[:-1]):
        if line.startswith("|") and lines[i + 1].startswith("|---"):
            body = iter(lines[i + 2 :])
            rows = []
            while (row := next(body, "")).startswith("|"):
                rows.append(cells(row))
            yield "\n".join(lines[start:i]), cells(line), rows
            start = i + 2 + len(rows)


def cells(row):
    """Of a row of a Markdown table."""
    return [cell.strip().strip("*") for cell in re.split(r"(?<!\\)\|", row.strip())[1:-1]]


def number_of(text):
    """The first number with a point of a cell such as `0.9022 ± 0.0050 (0.9024, …)`; None without one."""
    found = re.search(r"-?\d+\.\d+", text)
    return found and (float(found[0]), len(found[0].partition(".")[2]))


def column_name(text):
    """(split, score, by) of `grouped macro F by capture`, `grouped: macro F` and `grouped ECE`; None of others."""
    text, by = text.removesuffix(" by capture"), BY_CAPTURE if text.endswith(" by capture") else ""
    for title, split in SPLIT_OF.items():
        if text.startswith(title) and (score := SCORE_OF.get(text[len(title) :].strip(" :"))):
            return split, score, by
    return None


def of_page(page):
    """Figures of report.md or of the part of docs/results.md about the run itself."""
    own, task = page.partition("\n## Tables II and III under")[0], ""
    for before, header, rows in tables(own):
        words = re.findall(r"^(?:### )?(Binary|Multi-class) classification", before, re.MULTILINE)
        task = TASK_OF[words[-1]] if words else task
        if header[0] == "Alg." and header[2].startswith("Binary Acc."):
            yield from of_table3(header, rows)
        elif header[0] == "Model":
            yield from of_models(task, header, rows)
        elif header[0] == "left out":
            yield from of_left_out(task, before, header, rows)


def of_models(task, header, rows):
    """A row per model; columns of a split and a score, `captures` after one of them, or of a split alone: macro F."""
    names = []
    for text in header:
        if text == "captures" and names[-1]:
            names.append((*names[-1][:2], BY_CAPTURE))
        elif text in SPLIT_OF and set(header[1:]) <= set(SPLIT_OF):
            names.append((SPLIT_OF[text], "f1_macro", ""))
        else:
            names.append(column_name(text))
    for row in rows:
        for name, cell in zip(names, row, strict=True):
            if name and number_of(cell):
                yield (task, name[0], row[0].rstrip("†* "), *name[1:]), number_of(cell)


def of_table3(header, rows):
    """Per model a row of each split, both tasks side by side."""
    model = ""
    for row in rows:
        model = row[0].rstrip("†* ") or model
        for text, cell in zip(header[2:], row[2:], strict=True):
            title, _, score = text.rpartition(" ")
            if row[1] in SPLIT_OF and number_of(cell):
                yield (TASK_OF[title], SPLIT_OF[row[1]], model, SCORE_OF[score], ""), number_of(cell)


def of_left_out(task, before, header, rows):
    """The last rows: scores of all sites together, over flows and by capture."""
    title = re.findall(r"classification, (.*?):", before)[-1]
    for row in rows:
        whole, _, score = row[0].partition(": ")
        for model, cell in zip(header[2:], row[2:], strict=True):
            if score in SCORE_OF and number_of(cell):
                by = {"all": "", "captures": BY_CAPTURE}[whole]
                yield (task, SPLIT_OF[title], model, SCORE_OF[score], by), number_of(cell)


def of_glance(page):
    """The README's table: the network and the best baseline on the sample."""
    for _, header, rows in tables(page):
        if header[:3] == ["task", "split", "score"]:
            for row in rows:
                for cell in row[3:5]:
                    if number_of(cell):
                        model = re.match(r"(.*?) \(?-?\d+\.", cell)[1]
                        name = (SHORT[row[0]], SPLIT_OF[row[1]], model, SCORE_OF[row[2]])
                        yield (*name, ""), number_of(cell)
                        if weighed := re.search(r"by capture (-?\d\.\d+)", cell):
                            yield (*name, BY_CAPTURE), number_of(weighed[1])


def of_metrics_json(text):
    """metrics.json; the best baseline under its own name."""
    for task, splits in json.loads(text).items():
        for split, models in splits.items():
            for title, values in models.items():
                for score in values.keys() - {"model"}:
                    yield (
                        (task, split, values.get("model", model_title(title)), score, ""),
                        (values[score], 4),
                    )


def of_csv(text):
    """scores.csv and table3.csv."""
    for row in csv.DictReader(text.splitlines()):
        name = (row["task"], row["split"], model_title(row["model"]), row["score"])
        for column, by in (("value", ""), ("by_capture", BY_CAPTURE)):
            if row[column]:
                yield (*name, by), (float(row[column]), 12)


def of_card(task, model, card):
    """A model card as JSON: out/score/cards, and `cross_validation` of package.json."""
    for split, scores in card.items():
        for score, values in scores.items():
            if isinstance(values, dict) and "value" in values:
                for key, by in (("value", ""), ("by_capture", BY_CAPTURE)):
                    if values.get(key) is not None:
                        yield (task, split, model_title(model), score, by), (values[key], 12)


def of_card_page(task, model, card):
    """The card as detect's page shows it: two rows a split, over flows and by capture."""
    html = cross_validation_html(card)
    header, *rows = (
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)
    )
    seen = set()
    for row in rows:
        by = BY_CAPTURE if row[0] in seen else ""
        seen.add(row[0])
        for score, title in SCORES.items():
            if number_of(row[header.index(title)]):
                yield (task, row[0], model_title(model), score, by), number_of(row[header.index(title)])


def of_model_index(task, model, manifest):
    """The head of the card that goes with a published package, as hubs read it."""
    for result in metadata(manifest)["model-index"][0]["results"]:
        split = re.fullmatch(rf"{task}, (\w+) split", result["task"]["name"])[1]
        for metric in result["metrics"]:
            yield (task, split, model_title(model), metric["type"], ""), (metric["value"], 4)


def of_mlflow(uri, wanted):
    """Metrics of the parent runs of a store, those of `wanted` scores."""
    from mlflow import MlflowClient

    from iotids.tracking.store import EXPERIMENT

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    for run in client.search_runs([experiment], "tags.level = 'cv'"):
        name = tuple(run.data.params[key] for key in ("task", "split", "model"))
        for key, value in run.data.metrics.items():
            _, _, score = key.partition("/")
            by = BY_CAPTURE if score.endswith("_by_capture") else ""
            score = score.removesuffix("_by_capture")
            if key.startswith("test") and score in wanted:
                yield (*name[:2], model_title(name[2]), score, by), (value, MLFLOW_DIGITS)


def of_run(root: Path, uri: str):
    """{place: figures} of a finished run of the whole DAG below `root`."""
    out = root / "out"
    read = lambda name: (out / name).read_text(encoding="utf-8")  # noqa: E731
    found = {
        "report.md": of_page(read("report/report.md")),
        "results.md": of_page(read("report/results.md")),
        "at a glance": of_glance(read("report/results.md")),
        "README's table": of_glance(read("report/readme_table.md")),
        "metrics.json": of_metrics_json(read("metrics.json")),
        "scores.csv": of_csv(read("score/scores.csv")),
        "table3.csv": of_csv(read("table3.csv")),
        "MLflow": of_mlflow(uri, {*SCORE_OF.values()}),
    }
    for card in (out / "score" / "cards").glob("*/*.json"):
        task, _, model = card.stem.partition("-")
        found[f"card of {card.stem}"] = of_card(task, model, json.loads(card.read_text(encoding="utf-8")))
    for package in (out / "final").glob("*/package.json"):
        task, _, model = package.parent.name.partition("-")
        manifest = json.loads(package.read_text(encoding="utf-8"))
        scores = manifest["cross_validation"]
        found[f"package {package.parent.name}"] = of_card(task, model, scores)
        found[f"page of package {package.parent.name}"] = of_card_page(task, model, scores)
        found[f"index of package {package.parent.name}"] = of_model_index(task, model, manifest)
    return {place: dict_of(figures) for place, figures in found.items()}


def dict_of(figures):
    """By name; a place that gives one name two values is refused."""
    known = defaultdict(list)
    for name, value in figures:
        known[name].append(value)
    for name, values in known.items():
        digits = min(digits for _, digits in values)
        assert all(abs(v - values[0][0]) < 0.51 * 10**-digits * 2 for v, _ in values), (name, values)
    return {name: max(values, key=lambda one: one[1]) for name, values in known.items()}


def disagreements(places):
    """(name, {place: value}) of the figures whose printed digits do not agree."""
    by_name = defaultdict(dict)
    for place, figures in places.items():
        for name, value in figures.items():
            by_name[name][place] = value
    wrong = []
    for name, values in by_name.items():
        best, _ = max(values.values(), key=lambda one: one[1])
        if any(abs(value - best) > 0.51 * 10**-digits + 1e-9 for value, digits in values.values()):
            wrong.append((name, values))
    return wrong
