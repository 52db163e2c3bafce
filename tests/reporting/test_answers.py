"""The test behind the words, and the words."""

from dataclasses import replace

import numpy as np
import pytest

from iotids.learning.scores.significance import corrected_t_test, holm
from iotids.reporting.sections.answers import answers_markdown, compare
from tests.reporting.made_results import made_result


def test_corrected_t_test_by_hand():
    """Differences 1, 2, 3: mean 2, variance 1; t = 2 / sqrt(1/3 + 1/4) = 2.6186; two-sided with 2 degrees: 1
    - t / sqrt(t² + 2).
    """
    mean, p = corrected_t_test([2, 4, 6], [1, 2, 3], test_share=0.25)
    t = 2 / np.sqrt(1 / 3 + 1 / 4)
    assert mean == 2.0
    assert p == pytest.approx(1 - t / np.sqrt(t * t + 2))


def test_the_correction_makes_p_larger():
    first, second = [0.93, 0.94, 0.95, 0.93, 0.94], [0.92, 0.93, 0.93, 0.92, 0.92]
    assert (
        corrected_t_test(first, second, test_share=0.25)[1]
        > corrected_t_test(first, second, test_share=0.0)[1]
    )


def test_equal_scores_are_no_difference_and_one_fold_has_no_p():
    assert corrected_t_test([0.9, 0.8], [0.9, 0.8], test_share=0.25) == (0.0, 1.0)
    assert corrected_t_test([1.0, 1.0], [0.5, 0.5], test_share=0.25) == (0.5, 0.0)
    assert np.isnan(corrected_t_test([0.9], [0.8], test_share=0.25)[1])
    assert np.isnan(corrected_t_test([0.9, np.nan], [0.8, 0.7], test_share=0.25)[1])


def test_random_differences_are_rarely_significant():
    """Under no difference the uncorrected test is at its level; the corrected one stays below it."""
    rng = np.random.default_rng(0)
    p = [corrected_t_test(rng.normal(size=5), rng.normal(size=5), test_share=0.0)[1] for _ in range(2000)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.015)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([float("nan"), 0.02])[1] == 0.02


def test_a_clear_difference_is_told_and_noise_is_not():
    results = {
        ("binary", "dl4"): made_result("dl4", quality=0.95, seed=1),
        ("binary", "dl5"): made_result("dl5", quality=0.95, seed=2),
        ("binary", "naive_bayes"): made_result("naive_bayes", quality=0.7, seed=3),
    }
    words = {
        c.other: c.words
        for c in compare(results, task="binary", split="grouped", model="dl4", others=["dl5", "naive_bayes"])
    }
    assert words == {"dl5": "no different from", "naive_bayes": "better than"}
    page = answers_markdown(
        results, figure_models={"binary": "dl4"}, splits={"binary": ["stratified", "grouped"]}
    )
    (depth,) = [line for line in page.splitlines() if "Does depth matter?" in line]
    assert "DL4 and DL5 lie between" in depth and "differs" not in depth
    assert "Not asked in this run: add `environment`" in page


def test_a_network_trained_otherwise_answers_the_question_of_the_recipe_and_not_that_of_depth():
    results = {("binary", f"dl{d}"): made_result(f"dl{d}", quality=0.8, seed=d) for d in (4, 5)}
    sensible = made_result("dl4", quality=0.97, seed=9)
    sensible = replace(sensible, model="dl_sensible", params=sensible.params | {"optimiser": "adam"})
    results["binary", "dl_sensible"] = sensible
    page = answers_markdown(results, figure_models={"binary": "dl4"}, splits={"binary": ["stratified"]})
    (depth,) = [line for line in page.splitlines() if "Does depth matter?" in line]
    (recipe,) = [line for line in page.splitlines() if "Does the recipe of training matter?" in line]
    assert "sensible" not in depth
    assert "One seed each: another seed may change the order" in depth
    assert "DL, sensible recipe is better than DL4, the same network trained otherwise (+0.1" in recipe
    thrice = {key: replace(run, params=run.params | {"orders": 3}) for key, run in results.items()}
    page = answers_markdown(thrice, figure_models={"binary": "dl4"}, splits={"binary": ["stratified"]})
    assert "another seed may change" not in page and "no depth differs significantly from the best" in page


def test_the_order_of_depths_is_said_from_three_seeds_on_where_it_exceeds_their_spread():
    def page(orders, over_seeds):
        results = {}
        for model, quality in (("dl4", 0.97), ("dl7", 0.85)):
            run = made_result(model, quality=quality, seed=1)
            scored = {s: replace(one, repeat_std={"f1_macro": over_seeds}) for s, one in run.splits.items()}
            results["binary", model] = replace(run, params=run.params | {"orders": orders}, splits=scored)
        text = answers_markdown(results, figure_models={"binary": "dl4"}, splits={"binary": ["stratified"]})
        return next(line for line in text.splitlines() if "Does depth matter?" in line)

    assert "DL4 differs significantly from DL7" in page(3, 0.01)
    assert "no depth differs" in page(3, 0.2) and "its seeds by up to ± 0.2000" in page(3, 0.2)
    for orders in (1, 2):
        assert "differs" not in page(orders, 0.01) and "none is given" in page(orders, 0.01)


def test_unseen_sites_are_answered_where_they_were_asked():
    splits = ("stratified", "environment")
    results = {
        ("binary", "dl4"): made_result("dl4", quality={"stratified": 0.95, "environment": 0.4}, splits=splits)
    }
    page = answers_markdown(results, figure_models={"binary": "dl4"}, splits={"binary": splits})
    assert "Unseen site split" in page and "it does not survive" in page and "left out, " in page
