"""Every text of the report by file name: the page, the README's block, and the tables beside the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from iotids.reporting.page import readme_tables, report_page
from iotids.reporting.results import Result
from iotids.reporting.sections.calibration_table import reliability_csv
from iotids.reporting.sections.certainty import intervals_csv
from iotids.reporting.sections.costs import costs_csv
from iotids.reporting.sections.false_alarms import false_alarms_csv
from iotids.reporting.sections.pairwise import Pair, pairwise_csv
from iotids.reporting.sections.per_class import HEADER, per_class_rows
from iotids.reporting.sections.score_tables import folds_csv, scores_csv
from iotids.reporting.sections.table3 import table3_csv
from iotids.writing.markdown import csv_table


def text_files(
    results: Mapping[tuple[str, str], Result],
    paper: Mapping[str, Any],
    compared: Mapping[tuple[str, str], Sequence[Pair]],
    *,
    data_name: str,
    protocols: Mapping[str, Sequence[str]],
    figure_models: Mapping[str, str],
) -> dict[str, str]:
    """Content by name; `protocols` and `figure_models` as for `page.report_page`."""
    return {
        "report.md": report_page(
            results, paper, compared, data_name=data_name, protocols=protocols, figure_models=figure_models
        ),
        "readme_tables.md": readme_tables(results, paper, data_name=data_name, protocols=protocols),
        "table3.csv": table3_csv(results, paper),
        "scores.csv": scores_csv(results),
        "folds.csv": folds_csv(results),
        "intervals.csv": intervals_csv(results),
        "pairwise.csv": pairwise_csv(compared),
        "per_class.csv": csv_table(
            HEADER, [row for result in results.values() for row in per_class_rows(result)]
        ),
        "false_alarms.csv": false_alarms_csv(results),
        "reliability.csv": reliability_csv(results),
        "costs.csv": costs_csv(results),
    }
