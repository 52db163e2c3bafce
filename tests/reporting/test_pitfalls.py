"""Ten pitfalls: the status follows from the run, and changes with it."""

import pytest

from iotids.reporting.pitfalls import AVOIDED, NOT_AVOIDED, PARTLY, pitfalls, pitfalls_markdown
from tests.reporting.made_results import made_content, made_result


def content(models=("dl4", "naive_bayes", "random_forest", "majority"), *, patience=0, **made):
    """Models of one task, as good as `made` says."""
    runs = {}
    for seed, model in enumerate(models):
        runs["binary", model] = made_result(model, seed=seed, **made)
        runs["binary", model].params["patience"] = patience
    return made_content(runs)


def status(page, name):
    return {one.name: one.status for one in pitfalls(page)}[name]


def evidence(page, name):
    return {one.name: one.evidence for one in pitfalls(page)}[name]


def test_all_ten_have_evidence_in_the_order_of_the_paper():
    names = [one.name for one in pitfalls(content())]
    assert names[0] == "sampling bias" and names[-1] == "inappropriate threat model"
    assert len(set(names)) == 10 and all(one.evidence for one in pitfalls(content()))
    assert pitfalls_markdown(content()).count("\n| P") == 10


@pytest.mark.parametrize(
    ("name", "wanted"), [("simulated_sample", True), ("simulated_paper_size", True), ("own_network", False)]
)
def test_simulated_traffic_is_named_and_nothing_is_claimed_of_other_data(name, wanted):
    page = content()
    said = evidence(made_content(page.runs, data_name=name), "sampling bias")
    assert ("Simulated traffic" in said) is wanted and "laborator" not in said


def test_epochs_chosen_by_test_rows_are_snooping_and_biased():
    assert status(content(), "data snooping") == status(content(), "biased parameter selection") == AVOIDED
    stopped = content(patience=3)
    assert status(stopped, "data snooping") == status(stopped, "biased parameter selection") == NOT_AVOIDED
    assert "DL4" in evidence(stopped, "data snooping")


def test_without_a_grouped_split_snooping_is_not_avoided():
    assert status(content(splits=("stratified", "temporal")), "data snooping") == NOT_AVOIDED


def test_the_gap_between_the_splits_is_the_one_of_the_best_model():
    page = content(models=("dl4",), quality={"stratified": 0.95, "grouped": 0.7})
    run = page.runs["binary", "dl4"]
    gap = run.splits["stratified"].value("f1_macro") - run.splits["grouped"].value("f1_macro")
    assert f"{gap:+.4f}" in evidence(page, "data snooping") and gap > 0.2


@pytest.mark.parametrize(("unseen", "wanted"), [(0.9, AVOIDED), (0.5, NOT_AVOIDED)])
def test_a_loss_at_an_unseen_site_is_a_spurious_correlation(unseen, wanted):
    quality = {"stratified": 0.9, "grouped": 0.9, "environment": unseen}
    page = content(quality=quality, splits=tuple(quality), n=2000)
    assert status(page, "spurious correlations") == wanted


def test_a_run_without_simple_models_has_no_baseline():
    assert status(content(models=("dl4",)), "inappropriate baseline") == NOT_AVOIDED
    assert status(content(models=("dl4", "naive_bayes")), "inappropriate baseline") == PARTLY
    assert status(content(), "inappropriate baseline") == AVOIDED


def test_a_model_that_names_one_class_shows_why_accuracy_is_not_enough():
    assert "has accuracy" in evidence(content(), "inappropriate performance measures")
