"""The recipe chosen inside the training fold, and the page that takes it apart."""

import numpy as np
import pytest

from iotids.learning.networks.recipe.grid import crossed, read_values
from iotids.learning.networks.recipe.inner_split import class_f1, inner_split
from iotids.learning.networks.recipe.kind import RecipeKind, RecipeSettings
from iotids.reporting.recipe_page import best_rows, read_tried, recipe_figure, recipe_markdown, worth_rows
from tests.learning.generated_flows import gaussian_problem
from tests.learning.given import fitted

QUICK = {"depth": "2", "width": "8", "epochs": "6", "batch_size": "32"}
FIXED = {"depth": "2", "width": "8", "epochs": "6", "batch_size": "32", "average_epochs": "1"}


def test_factors_are_crossed_and_every_recipe_has_a_name_of_its_own():
    recipes = RecipeSettings().recipes()
    assert len(recipes) == 3 * 3 * 2 * 4 * 3 == len({recipe.name for recipe in recipes})
    # fmt: off
    assert recipes[0].training() == {
        "optimiser": "sgd", "learning_rate": 0.1, "momentum": 0.09, "dropout": 0.0, "inputs": "raw",
        "depth": 4, "width": 32, "batch_size": 256, "epochs": 50, "average_epochs": 1,
    }
    # fmt: on
    assert recipes[-1].training()["learning_rate"] == 0.001 and "momentum" not in recipes[-1].training()
    further = RecipeSettings(
        optimiser="adam 0.002", width="64", batch_size="128|256", average_epochs="1|10"
    ).recipes()
    assert len({recipe.name for recipe in further}) == 3 * 2 * 4 * 4
    assert further[0].training()["learning_rate"] == 0.002


@pytest.mark.parametrize(
    ("factor", "text", "message"),
    [
        ("dropout", "0||0.1", "different values separated by"),
        ("dropout", "0|0", "different values separated by"),
        ("optimiser", "sgd", "known are adam, alone or with its rate, .* sgd with its momentum"),
        ("optimiser", "sgd 0.9 0.1", "known are adam"),
        ("optimiser", "adam fast", "'fast' is no number"),
        ("optimiser", "sgd -1", "'-1' is no number"),
        ("optimiser", "rmsprop", "known are adam"),
    ],
)
def test_values_that_make_no_recipe_are_refused(factor, text, message):
    with pytest.raises(ValueError, match=message):
        read_values(factor, text)


def test_a_depth_that_is_no_number_is_refused():
    values = FIXED | {"optimiser": "adam", "dropout": "0", "inputs": "log", "depth": "deep"}
    with pytest.raises(ValueError, match="are numbers: invalid literal.*deep"):
        crossed(values)


def test_the_inner_split_takes_a_share_of_every_class_and_no_row_twice():
    truth = np.repeat([0, 1, 2, 3], [100, 9, 2, 1])
    learnt, judged, few = inner_split(truth, 0.25, seed=4)
    assert np.bincount(truth[judged], minlength=4).tolist() == [25, 2, 1, 0]
    assert few == [3] and 111 in learnt
    assert np.array_equal(np.sort(np.concatenate([learnt, judged])), np.arange(112))


def test_f_of_a_class_without_a_row_is_unknown():
    # class 0: 1 hit, 2 true, 1 found; class 1: 1 hit, 1 true, 2 found
    assert class_f1(np.array([0, 0, 1]), np.array([0, 1, 1]), 3) == [2 / 3, 2 / 3, None]


def test_the_recipe_that_learns_is_chosen_before_one_that_cannot_and_what_was_tried_is_kept():
    X, y, _ = gaussian_problem(n=600, seed=1, distance=4.0)
    grid = {"optimiser": "sgd 0.09|adam", "dropout": "0|0.95", "inputs": "raw"}
    model = fitted("recipe", X, y, n_classes=2, **grid, **QUICK | {"epochs": "15"})
    facts = model.facts()
    assert len(facts["tried"]) == 4 and "dropout 0," in facts["recipe"]
    reached = facts["tried"][facts["recipe"]]["macro_f"]
    assert reached == max(one["macro_f"] for one in facts["tried"].values()) > 0.9
    assert (model.scores(X).argmax(axis=1) == y).mean() > 0.9


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_recipes_that_diverge_are_named_and_the_others_go_on():
    X, y, _ = gaussian_problem(n=200, seed=1, distance=4.0)
    model = fitted(
        "recipe", X, y, n_classes=2, optimiser="adam 1e30|adam", dropout="0", inputs="log", **QUICK
    )
    lost = [name for name, one in model.facts()["tried"].items() if one["macro_f"] is None]
    assert [name.split(",")[0] for name in lost] == ["adam 1e30"]
    assert model.facts()["recipe"].startswith("adam,")
    assert "diverged" in model.facts()["tried"][lost[0]]["fault"]
    with pytest.raises(FloatingPointError, match="all of 1 recipes diverged"):
        fitted("recipe", X, y, n_classes=2, optimiser="adam 1e30", dropout="0", inputs="log", **QUICK)


def document(values, *, chosen, few=()):
    """folds.json of folds whose recipes (optimiser, dropout) reach `values[fold][recipe]`; None: diverged."""
    recipes = [("sgd 0.09", 0.2), ("sgd 0.09", 0.0), ("adam", 0.2), ("adam", 0.0)]
    folds = []
    for row, best in zip(values, chosen, strict=True):
        # fmt: off
        tried = {
            f"{optimiser}, {dropout}": {
                "optimiser": optimiser, "dropout": dropout, "inputs": "raw", "depth": 4, "width": 8,
                "macro_f": value, "f1": None if value is None else {"A": value, "B": value / 2},
            }
            for (optimiser, dropout), value in zip(recipes, row, strict=True)
        }
        # fmt: on
        facts = {"recipe": list(tried)[best], "tried": tried, "classes_not_judged_inside": few}
        folds.append({"facts": facts})
    return {"kind": "recipe", "classes": ["A", "B"], "splits": {"stratified": {"folds": folds}}}


def test_the_page_says_what_each_piece_is_worth_with_its_spread():
    tried = read_tried(document([[0.5, 0.6, 0.7, 0.8], [0.3, 0.6, 0.5, 0.8]], chosen=[3, 3]), "stratified")
    rows = worth_rows(tried)
    # optimiser: fold means 0.55, 0.45 for SGD; 0.75, 0.65 for Adam; differences 0.2, 0.2
    assert rows[0][:3] == ["optimiser", "SGD, momentum 0.09 (paper)", "0.500 ± 0.071"]
    assert rows[1][3] == "+0.200 ± 0.000"
    assert [row[4] for row in rows] == ["", "4", "", "4"]  # two pairs in each of two folds
    # dropout: the paper's 0.2 comes first; 0.6, 0.4 against 0.7, 0.7: differences 0.1, 0.3
    assert rows[2][1] == "dropout 0.2 (paper)" and rows[3][3] == "+0.200 ± 0.141"
    assert [row[0] for row in rows] == ["optimiser"] * 2 + [
        "dropout"
    ] * 2  # depth has one value: nothing to say
    best = best_rows(tried)
    assert best[0][:3] == ["adam, 0.0", "0.800 ± 0.000", "2"]
    assert any("(the paper's)" in row[0] for row in best)
    assert len(recipe_figure(tried, "t").axes) == 2


def test_recipes_are_compared_in_pairs_so_that_one_that_diverged_moves_no_other_difference():
    # of Adam - SGD only dropout 0.2 has both: 0.7 - 0.5; means of the levels would give 0.75 - 0.5
    (row,) = worth_rows(read_tried(document([[0.5, None, 0.7, 0.8]], chosen=[3]), "stratified"))[1:2]
    assert row[1:5] == ["Adam", "0.750", "+0.200", "1"]


def test_one_fold_has_the_spread_over_pairs_and_no_other():
    tried = read_tried(document([[0.5, 0.6, 0.7, 0.9]], chosen=[3]), "stratified")
    rows = worth_rows(tried)
    assert rows[1][2:6] == ["0.800", "+0.250 ± 0.071", "2", "0.80"]  # 0.2 and 0.3
    text = recipe_markdown(tried, data="lab", task="multiclass", split="stratified")
    assert (
        "the inner split of 1 training fold;" in text and "standard deviation over pairs of recipes" in text
    )
    assert "± 0.000" not in text


def test_a_factor_whose_every_recipe_diverged_has_a_dash_and_the_page_is_drawn():
    tried = read_tried(document([[0.5, 0.6, None, None]], chosen=[1]), "stratified")
    assert worth_rows(tried)[1][2:5] == ["–", "–", "0"]
    assert [row[0].split(",")[0] for row in best_rows(tried)] == ["sgd 0.09", "sgd 0.09"]
    assert recipe_figure(tried, "t").axes


def test_width_is_a_factor_and_64_the_width_of_the_papers_rows():
    one = document([[0.5, 0.6, 0.7, 0.8]], chosen=[3])
    tried = one["splits"]["stratified"]["folds"][0]["facts"]["tried"]
    wide = {f"{name}, wide": recipe | {"width": 64} for name, recipe in tried.items()}
    tried.update(wide)
    page = read_tried(one, "stratified")
    assert [row[1] for row in worth_rows(page) if row[0] == "width"] == [
        "width 64 (assumed for the paper's)",
        "width 8",
    ]
    assert [row[0] for row in best_rows(page) if "the paper's" in row[0]] == [
        "sgd 0.09, 0.2, wide (the paper's)"
    ]


def test_memory_is_asked_for_the_largest_stack_not_for_all_recipes_at_once():
    one = RecipeSettings(optimiser="adam", inputs="raw", depth="7", width="128")
    asked = RecipeKind().bytes_needed(1000, 70, 5, {}, RecipeSettings(optimiser="adam"))
    assert asked == RecipeKind().bytes_needed(1000, 70, 5, {}, one)


def test_a_recipe_that_diverged_in_a_fold_counts_in_the_others_and_is_named():
    tried = read_tried(document([[0.5, None, 0.7, 0.8], [0.3, 0.6, 0.5, 0.8]], chosen=[3, 2]), "stratified")
    text = recipe_markdown(tried, data="lab", task="multiclass", split="stratified")
    assert "Diverged in at least one fold and left out there: sgd 0.09, 0.0." in text


def test_a_class_with_too_few_rows_for_the_inner_split_is_named_and_the_others_are_judged():
    X, y, _ = gaussian_problem(n=200, seed=1, distance=4.0)
    y = np.concatenate([y, [2]])
    X = np.concatenate([X, X[:1] + 20])
    model = fitted("recipe", X, y, n_classes=3, optimiser="adam", dropout="0", inputs="log", **QUICK)
    assert model.facts()["classes_not_judged_inside"] == ["C2"]
    (one,) = model.facts()["tried"].values()
    assert one["f1"]["C2"] is None and one["macro_f"] == np.mean([one["f1"]["C0"], one["f1"]["C1"]])
    tried = read_tried(document([[0.5, 0.6, 0.7, 0.8]], chosen=[3], few=["B"]), "stratified")
    text = recipe_markdown(tried, data="lab", task="multiclass", split="stratified")
    assert "learnt but not judged there: B." in text


def test_a_recipe_learns_in_a_stack_what_it_learns_alone():
    X, y, _ = gaussian_problem(n=300, seed=2, distance=2.0)
    grid = {"optimiser": "sgd 0.09|sgd 0.9|adam 0.01", "dropout": "0|0.2", "inputs": "raw|log"}
    together = fitted("recipe", X, y, n_classes=2, **grid, **QUICK).facts()["tried"]
    alone = fitted("recipe", X, y, n_classes=2, optimiser="sgd 0.9", dropout="0.2", inputs="log", **QUICK)
    ((name, one),) = alone.facts()["tried"].items()
    assert together[name]["f1"] == pytest.approx(one["f1"], abs=0.03)
    assert len(together) == 12 and len({str(each["f1"]) for each in together.values()}) > 6


def test_the_stored_network_keeps_its_choice(tmp_path):
    X, y, _ = gaussian_problem(n=200, seed=1, distance=4.0)
    model = fitted("recipe", X, y, n_classes=2, optimiser="adam", dropout="0", inputs="log", **QUICK)
    model.save(tmp_path)
    again = RecipeKind().load(tmp_path)
    assert again.facts() == model.facts()
    np.testing.assert_array_equal(again.scores(X), model.scores(X))
    (tmp_path / "recipe.json").write_text("{")
    with pytest.raises(ValueError, match="recipe.json: not JSON"):
        RecipeKind().load(tmp_path)


def test_another_kind_of_run_or_split_is_refused():
    other = {"kind": "dense", "classes": [], "splits": {"stratified": {"folds": [{"facts": {}}]}}}
    with pytest.raises(ValueError, match="kind 'dense', which tries no recipes"):
        read_tried(other, "stratified")
    with pytest.raises(ValueError, match="no split grouped; the run has stratified"):
        read_tried(other, "grouped")
