"""One name, one value: every output of a finished run is read, and what is in git of the last one."""

from pathlib import Path

import pytest

from tests.reporting.gathering import (
    dict_of,
    disagreements,
    of_csv,
    of_glance,
    of_metrics_json,
    of_page,
    of_run,
)

ROOT = Path(__file__).parents[2]
EVERYWHERE = {"report.md", "results.md", "metrics.json", "scores.csv", "table3.csv", "MLflow"}


def committed():
    """The figures of the last run that git holds."""
    read = lambda name: (ROOT / name).read_text(encoding="utf-8")  # noqa: E731
    return {
        "README.md": dict_of(of_glance(read("README.md"))),
        "docs/results.md": dict_of(of_page(read("docs/results.md"))),
        "docs/results.md, at a glance": dict_of(of_glance(read("docs/results.md"))),
        "metrics.json": dict_of(of_metrics_json(read("out/metrics.json"))),
        "table3.csv": dict_of(of_csv(read("out/table3.csv"))),
    }


def test_the_figures_in_git_have_one_value_each():
    places = committed()
    assert disagreements(places) == []
    assert {place: len(figures) > 10 for place, figures in places.items()} == dict.fromkeys(places, True)
    name = ("binary", "environment", "DL7", "f1_macro", "")
    assert all(name in figures for figures in places.values())


def test_another_value_anywhere_is_found():
    places = committed()
    for place, figures in places.items():
        value, digits = figures[name := ("binary", "grouped", "DL7", "f1_macro", "")]
        changed = {**places, place: {**figures, name: (value + 0.002, digits)}}
        assert [one for one, _ in disagreements(changed)] == [name], place


@pytest.mark.slow
def test_every_output_of_a_finished_run_gives_a_figure_the_same_value(finished):
    places = of_run(finished, f"sqlite:///{finished / 'mlflow.db'}")
    assert places.keys() > EVERYWHERE
    assert any(place.startswith("page of package") for place in places)
    assert disagreements(places) == []
    for task in ("binary", "multiclass"):
        name = (task, "grouped", "DL, sensible recipe", "f1_macro")
        mine = {place for place, figures in places.items() if (*name, "") in figures}
        package = f"{task}-dl_sensible"
        assert mine >= EVERYWHERE | {
            f"{word} {package}" for word in ("card of", "package", "page of package", "index of package")
        }
        assert sum((*name, "by capture") in figures for figures in places.values()) >= 6
