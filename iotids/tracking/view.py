"""The view with which MLflow's UI opens: which columns its run table has and which charts compare the runs.

MLflow keeps such views as tags of the experiment; `?viewStateShareKey=compare` in the address opens this one.
The names of its keys are MLflow's own (read off a view saved in the UI of 3.17); a UI that does not know them
shows its default.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

KEY = "compare"
TAG = f"mlflow.sharedViewState.{KEY}"
NAME_COLUMN = "attributes.`Run Name`"
COLUMNS = {  # and their widths in pixels: MLflow's own cut names and scores off
    "metrics.`test/accuracy_mean`": 135,
    "metrics.`test/f1_macro_mean`": 135,
    "metrics.`test/mcc_mean`": 125,
    "params.`task`": 95,
    "params.`model`": 105,
    "params.`split.protocol`": 105,
}
NAME_WIDTH = 270
COMPARED = ("test/accuracy_mean", "test/f1_macro_mean", "test/mcc_mean")
CURVES = ("val/loss", "val/accuracy", "train/loss", "train/accuracy")
KNOBS = ("task", "split.protocol", "network.depth", "network.width")


def view_tag() -> str:
    """Give the value of the experiment's tag `TAG`."""
    state = base64.b64encode(zlib.compress(json.dumps(_state()).encode())).decode()
    return json.dumps({"name": "compare runs", "createdAt": 0, "updatedAt": 0, "state": f"deflate;{state}"})


def _state() -> dict[str, Any]:
    """Parents only, the columns worth a look, and two sections of charts: scores and curves."""
    return {
        "searchFilter": "tags.level='cv'",
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": list(COLUMNS),
        "columnOrder": [NAME_COLUMN, *COLUMNS],
        "columnWidths": {NAME_COLUMN: NAME_WIDTH, **COLUMNS},
        "runsHiddenMode": "FIRST_20_RUNS",
        "compareRunSections": [_section("scores"), _section("curves")],
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


def _section(name: str) -> dict[str, Any]:
    return {
        "uuid": name,
        "name": name,
        "display": True,
        "isReordered": False,
        "deleted": False,
        "isGenerated": False,
        "columns": 2,
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
    return {**_chart("PARALLEL", "scores", "knobs and scores"), **chosen}


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
