"""The section on the systems of Section III: printed beside ours, what each is known for, and answers that follow the figures."""

import pytest

from iotids.reporting.page import report_page
from iotids.reporting.sections.surveyed.figures import stability
from iotids.reporting.sections.surveyed.systems import surveyed_markdown
from tests.reporting.made_results import made_content, made_run, scored

SPLITS = ("stratified", "grouped", "environment")
ORIGIN = {
    "work": "[16] Somebody 2018",
    "printed": "99.2 %, NSL-KDD",
    "faithful": ["nodes"],
    "adapted": [],
    "assumed": ["rate"],
}


def system(model, quality, params, facts=None, origin=ORIGIN):
    document, predictions = made_run(model, quality=dict(zip(SPLITS, quality, strict=True)), splits=SPLITS)
    for part in document["splits"].values():
        for i, record in enumerate(part["folds"]):
            record["facts"] = facts(i) if facts else {}
    document |= {"origin": origin, "params": document["params"] | params}
    return scored(document, predictions)


def runs():
    fog = {"nodes": 4, "shares": "site"}
    sent = {"exchange_rounds": 50, "exchanged_bytes": 3 * 2**20}
    chosen = [["a", "b"], ["a", "c"], ["a", "b"], ["a", "b"], ["a", "b"]]
    found = {
        "fog4_site": system("fog4_site", (0.9, 0.8, 0.7), fog, lambda i: sent),
        "fewer": system(
            "fewer",
            (0.95, 0.9, 0.5),
            {"n_features": 2, "method": "l1"},
            lambda i: {"chosen_features": chosen[i]},
        ),
        "majority": system("majority", (0.5, 0.5, 0.5), {}, origin=None),
        "dl7": system("dl7", (0.8, 0.8, 0.8), {}, origin=None),
    }
    return {("binary", name): run for name, run in found.items()}


@pytest.fixture(scope="module")
def text():
    return surveyed_markdown(runs(), task="binary", splits=SPLITS)


def row(text, *words):
    return next(line for line in text.splitlines() if all(word in line for word in words))


def test_the_printed_figure_stands_beside_ours_on_every_split(text):
    run = runs()["binary", "fog4_site"]
    line = row(text, "fog4 site", "99.2 %, NSL-KDD")
    for split in SPLITS:
        assert f"{run.splits[split].value('f1_macro'):.3f}" in line
    assert "in the same run" in row(text, "majority class")


def test_what_a_fog_exchanges_and_how_stable_a_choice_is_stand_in_their_tables(text):
    assert row(text, "| fog4 site | site | 4 | 50 | 3.00 |")
    assert stability(runs()["binary", "fewer"].splits["stratified"]) == pytest.approx((6 * 1 + 4 / 3) / 10)
    assert row(text, "| fewer | l1 | 2 | 0.73 |")


def test_the_answer_names_the_best_at_the_unseen_site_and_what_the_best_elsewhere_is_there(text):
    best = row(text, "* Best at unseen site")
    assert best.index("fog4 site") < best.index("fewer")
    assert "fewer" in row(text, "* Best at stratified") and "number 2 of 3" in row(
        text, "* Best at stratified"
    )
    assert row(text, "* Largest losses: fewer")


def test_faithful_and_assumed_pieces_are_said(text):
    assert row(text, "| [16] Somebody 2018 | nodes | – | rate |")


def test_without_a_surveyed_system_there_is_no_section():
    some = {key: run for key, run in runs().items() if not run.origin}
    assert surveyed_markdown(some, task="binary", splits=SPLITS) == ""
    assert "Systems of Section III" not in report_page(made_content(some))
    assert "## Systems of Section III" in report_page(made_content(runs()))
