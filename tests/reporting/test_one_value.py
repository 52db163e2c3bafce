"""Every printed figure that has one name has one value: report, results page, CSV files, metrics.json, model card,
the card's page and MLflow, for every split; over flows, and with every capture weighing the same.

`package.json` takes the card as it is (tests/detecting/test_final.py); test_one_value_of_a_run.py reads all of it from a finished run.
"""

import csv
import json
import re

import pytest

from iotids.detecting.package.model_card import SCORES, cross_validation_html
from iotids.learning.scores.names import model_key, model_title, split_title
from iotids.learning.scores.pairs import compare_runs, pairs_csv, read_pairs
from iotids.learning.scores.runs.cards import card
from iotids.learning.scores.runs.run_files import run_from_plain, run_to_plain
from iotids.learning.scores.runs.summary import summary
from iotids.learning.scores.runs.tables import long_tables
from iotids.reporting.fixed import fixed_texts
from iotids.reporting.page import Content, report_page
from iotids.reporting.results_page import readme_table, results_page
from iotids.reporting.sections.table3 import table3_csv
from iotids.writing.tables import write_json
from tests.plumbing.run_folders import MADE_FROM
from tests.reporting.made_results import PAPER, made_run, scored

MODELS = {"dl4": 0.93, "dl7": 0.9, "hist_gradient_boosting": 0.97, "majority": 0.5}
SPLITS = {"stratified": 0.0, "grouped": 0.1, "environment": 0.4}
METRICS = ("accuracy", "f1_macro")


@pytest.fixture(scope="module")
def runs():
    """Fold sizes of the left-out sites differ, so that a mean over folds is another figure than the pooled one."""
    made = {}
    for i, (model, quality) in enumerate(MODELS.items()):
        document, table = made_run(
            model, splits=SPLITS, quality={s: quality - d for s, d in SPLITS.items()}, seed=i
        )
        sizes = {f: 200 - 40 * f for f in range(5)}
        rows = table.to_pylist()
        keep = [r["split"] != "environment" or r["row"] % 200 < sizes[r["fold"]] for r in rows]
        for fold in document["splits"]["environment"]["folds"]:
            fold["test_rows"] = sizes[fold["fold"]]
        made["binary", model] = scored(document, table.filter(keep))
    return made


@pytest.fixture(scope="module")
def content(runs):
    """As the report reads them: through the files of the stage score."""
    plain = {key: json.loads(json.dumps(run_to_plain(run))) for key, run in runs.items()}
    read = {key: run_from_plain(one) for key, one in plain.items()}
    compared = read_pairs(pairs_csv(compare_runs(runs)))
    return Content(read, compared, PAPER, "generated", {"binary": "dl7"})


@pytest.fixture(scope="module")
def in_mlflow(runs, tmp_path_factory):
    """Metrics of the parent runs by (model, split)."""
    from mlflow import MlflowClient

    from iotids.tracking.publishing import publish_scores
    from iotids.tracking.store import EXPERIMENT

    root = tmp_path_factory.mktemp("published")
    score = root / "out" / "score"
    for (task, model), run in runs.items():
        folder = {"folder": f"{run.stage}/{task}-{model}"}
        write_json(run_to_plain(run) | folder, score / "runs" / f"{task}-{model}.json")
    write_json(MADE_FROM, score / "made_from.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        publish_scores(score)
    client = MlflowClient(tracking_uri=f"sqlite:///{root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    found = client.search_runs([experiment], "tags.level = 'cv'")
    return {(run.data.params["model"], run.data.params["split"]): run.data.metrics for run in found}


def table_cells(page, header):
    """{first cell: {column: text}} of the first table whose header begins so."""
    lines = page.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(header))
    columns = [cell.strip() for cell in lines[start].strip("|").split("|")]
    rows = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows[cells[0]] = dict(zip(columns[1:], cells[1:], strict=True))
    return rows


def card_page_cells(run, split, metric):
    """The two figures of the card's page: over flows, and by capture."""
    html = cross_validation_html(card(run))
    header, *rows = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)
    ]
    place = header.index(SCORES[metric])
    return [first_number(row[place]) for row in rows if row[0] == split]


def first_number(text):
    """0.9022 of `0.9022 ± 0.0050 (0.9024, …)` and of `(0.9024, …)`."""
    return float(re.search(r"-?\d+\.\d+", text)[0])


def gathered(runs, content, in_mlflow, model, split, metric):
    """Every value that some output gives this figure, by where it stands."""
    run, title, shown = runs["binary", model], model_title(model), split_title(split)
    page, results = report_page(content), results_page(content, fixed_texts("Table II\n"))
    tables = {name: list(csv.DictReader(text.splitlines())) for name, text in long_tables(runs).items()}
    tables["table3.csv"] = list(csv.DictReader(table3_csv(content.runs, PAPER).splitlines()))
    wanted = {"task": "binary", "model": model, "split": split, "score": metric}
    found = {
        name: float(row["value"])
        for name in ("scores.csv", "table3.csv")
        for row in tables[name]
        if wanted.items() <= row.items()
    }
    if model in summary_models(runs):
        found["metrics.json"] = summary(runs)["binary"][split][model_key(model)][metric]
    found["model card"] = card(run)[split][metric]["value"]
    found["MLflow"] = in_mlflow[model, split][f"test/{metric}"]
    found["card's page"] = card_page_cells(run, split, metric)[0]
    if metric == "f1_macro":
        found["headline"] = first_number(
            table_cells(page, "| Model | stratified: macro F")[title][f"{shown}: macro F"]
        )
        found["every split"] = first_number(table_cells(page, "| Model | stratified | grouped")[title][shown])
    if split == "environment":
        name = {"accuracy": "all: accuracy", "f1_macro": "all: macro F"}[metric]
        for where, text in (("unseen site", page), ("results, unseen site", results)):
            found[where] = float(table_cells(text, "| left out")[name][title])
    else:
        column = {"accuracy": f"{shown} Acc.", "f1_macro": f"{shown} macro F"}[metric]
        for where, text in (("all models", page), ("results, all models", results)):
            found[where] = first_number(table_cells(text, "| Model | stratified Acc.")[title][column])
    return found


def summary_models(runs):
    """Those that metrics.json names by themselves."""
    return [model for (_, model), run in runs.items() if run.stage == "network"]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("model", MODELS)
def test_one_name_has_one_value_everywhere(runs, content, in_mlflow, model, split, metric):
    found = gathered(runs, content, in_mlflow, model, split, metric)
    assert len(found) >= 6
    value = runs["binary", model].splits[split].value(metric)
    assert found == {where: pytest.approx(value, abs=6e-5) for where in found}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("model", MODELS)
def test_the_figure_with_captures_weighing_the_same_has_one_value_everywhere(
    runs, content, in_mlflow, model, split
):
    run, title = runs["binary", model], model_title(model)
    value = run.splits[split].by_capture["f1_macro"]
    table3 = list(csv.DictReader(table3_csv(content.runs, PAPER).splitlines()))
    wanted = {"task": "binary", "model": model, "split": split, "score": "f1_macro"}
    (mine,) = [row for row in table3 if wanted.items() <= row.items()]
    found = {
        "table3.csv": float(mine["by_capture"]),
        "card": card(run)[split]["f1_macro"]["by_capture"],
        "card's page": card_page_cells(run, split, "f1_macro")[1],
        "MLflow": in_mlflow[model, split]["test_more/f1_macro_by_capture"],
    }
    _, _, headline = report_page(content).partition("| Model | stratified: macro F")
    header, row = [
        next(
            line
            for line in ("| Model | stratified: macro F" + headline).splitlines()
            if line.startswith(f"| {name} |")
        ).split("|")
        for name in ("Model", title)
    ]
    place = [cell.strip() for cell in header].index(f"{split_title(split)}: macro F") + 1
    assert header[place].strip() == "captures"
    found["headline"] = first_number(row[place])
    assert found == {where: pytest.approx(value, abs=6e-5) for where in found}


def test_the_unseen_site_is_pooled_and_differs_from_the_mean_over_folds(runs):
    scored_run = runs["binary", "dl7"].splits["environment"]
    mean = sum(fold["f1_macro"] for fold in scored_run.folds) / 5
    assert scored_run.value("f1_macro") == scored_run.pooled["f1_macro"] != pytest.approx(mean, abs=1e-3)


def test_the_readme_table_has_the_figures_of_the_tables(runs, content):
    rows = readme_table(
        content, [["binary", "grouped", "f1_macro", "DL7", 0.8, 0.1, "NB", 0.7, None]]
    ).splitlines()
    value, best = (
        runs["binary", m].splits["grouped"].value("f1_macro") for m in ("dl7", "hist_gradient_boosting")
    )
    cells = [cell.strip() for cell in rows[2].strip("|").split("|")]
    assert cells[3].startswith(f"DL7 {value:.3f} ±") and cells[4].startswith(
        f"gradient boosting {best:.3f} ±"
    )
    weighed = runs["binary", "dl7"].splits["grouped"].by_capture["f1_macro"]
    assert cells[3].endswith(f" (by capture {weighed:.3f})")
    assert cells[5:] == ["DL7 0.800 ± 0.100", "NB 0.700"]
