"""The views of MLflow's UI: which runs they show, which columns the table has and which charts compare the runs.

MLflow keeps such views as tags of the experiment; `?viewStateShareKey=compare` in the address opens the first.
The names of its keys are MLflow's own (read off a view saved in the UI of 3.17); a UI that does not know them
shows its default.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any


def _only(task: str, split: str) -> str:
    """One task and split: figures of several do not belong on one axis."""
    return f"tags.level='cv' AND params.task='{task}' AND params.split='{split}'"


KEY = "compare"  # the one that `make ui` opens
PREFIX = "mlflow.sharedViewState."
NAME_COLUMN = "attributes.`Run Name`"
SORTED_BY = "test/f1_macro"
COLUMNS = {  # and their widths in pixels: MLflow's own cut names and scores off
    f"metrics.`{SORTED_BY}`": 125,
    "metrics.`test/f1_macro_sd`": 125,
    "metrics.`test/accuracy`": 125,
    "metrics.`test/mcc`": 110,
    "tags.`never predicted`": 240,
    "tags.`dvc.exp`": 120,
}
NAME_WIDTH = 300
COMPARED = ("test/f1_macro", "test/accuracy", "test/mcc")
CURVES = ("val/loss", "val/accuracy", "train/loss", "train/accuracy")
KNOBS = ("model", "network.width", "network.epochs")  # more axes, and their titles overlap
VIEWS = {  # by key: title, filter
    KEY: ("five classes, grouped split", _only("multiclass", "grouped")),
    "binary": ("two classes, grouped split", _only("binary", "grouped")),
    "paper": ("five classes, the paper's split", _only("multiclass", "stratified")),
    "unseen": ("five classes, unseen site", _only("multiclass", "environment")),
    "unseen-binary": ("two classes, unseen site", _only("binary", "environment")),
    "sweep": (
        "experiments, five classes, grouped split",
        _only("multiclass", "grouped") + " AND tags.`dvc.exp` != 'workspace'",
    ),
    "all": ("every model, task and split", "tags.level='cv'"),
    "failed": ("stages that failed or were killed", "tags.level='attempt'"),
}


def view_tags() -> dict[str, str]:
    """Give the experiment's tags, one per view."""
    return {f"{PREFIX}{key}": _tag(title, search) for key, (title, search) in VIEWS.items()}


def _tag(title: str, search: str) -> str:
    """One view."""
    state = base64.b64encode(zlib.compress(json.dumps(_state(search)).encode())).decode()
    return json.dumps({"name": title, "createdAt": 0, "updatedAt": 0, "state": f"deflate;{state}"})


def _state(search: str) -> dict[str, Any]:
    """The columns worth a look, best macro F first, and three sections of charts: knobs over the whole width
    (else the titles of their axes overlap), scores and curves."""
    return {
        "searchFilter": search,
        "orderByKey": f"metrics.`{SORTED_BY}`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": list(COLUMNS),
        "columnOrder": [NAME_COLUMN, *COLUMNS],
        "columnWidths": {NAME_COLUMN: NAME_WIDTH, **COLUMNS},
        "runsHiddenMode": "FIRST_20_RUNS",
        "compareRunSections": [_section("knobs", columns=1), _section("scores"), _section("curves")],
        "compareRunCharts": [_parallel(), *map(_bar, COMPARED), *map(_line, CURVES)],
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": True,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }


def _section(name: str, columns: int = 2) -> dict[str, Any]:
    return {
        "uuid": name,
        "name": name,
        "display": True,
        "isReordered": False,
        "deleted": False,
        "isGenerated": False,
        "columns": columns,
    }


def _chart(kind: str, section: str, name: str) -> dict[str, Any]:
    """What every kind of chart has."""
    return {
        "uuid": f"{section}-{name}",
        "type": kind,
        "runsCountToCompare": 20,
        "metricSectionId": section,
        "deleted": False,
        "isGenerated": False,
        "displayName": name,
    }


def _bar(metric: str) -> dict[str, Any]:
    return {**_chart("BAR", "scores", metric.removeprefix("test/")), "metricKey": metric}


def _parallel() -> dict[str, Any]:
    chosen = {"selectedParams": list(KNOBS), "selectedMetrics": list(COMPARED[:2]), "showAllRuns": False}
    return {**_chart("PARALLEL", "knobs", "knobs and scores"), **chosen}


def _line(metric: str) -> dict[str, Any]:
    """Draw a curve over the epochs."""
    return {
        **_chart("LINE", "curves", metric),
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "lineSmoothness": 0,
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "range": {},
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }
