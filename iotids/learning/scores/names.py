"""What models, splits and tasks are called in tables and figures."""

from __future__ import annotations

import re

MODELS = {
    "hoeffding_tree": "HT",
    "naive_bayes": "NB",
    "majority": "majority class",
    "hist_gradient_boosting": "gradient boosting",
    "gaussian_nb": "Gaussian NB",
    "vfdt": "Weka's HT",
    "dl_sensible": "DL, sensible recipe",
}
SPLITS = {
    "dedup": "deduplicated",
    "dup_grouped": "duplicates together",
    "environment": "unseen site",
    "attack": "unseen attack",
}
TREES = ("decision_tree", "random_forest", "extra_trees", "hist_gradient_boosting")
NOT_A_DETECTOR = ("dataset_oracle", "majority", "best_single_feature")  # what a dataset gives away for free
METRIC = "f1_macro"  # what models are compared by: accuracy hides rare classes, 0.02 % of the paper's flows are MITM
UNSEEN = ("environment", "attack")  # folds that leave out something whole: a fold may hold one class only
TASKS = {"binary": "Binary classification", "multiclass": "Multi-class classification"}


def model_title(model: str) -> str:
    """HT, NB, DL4, random forest; letters with a number in capitals, else the key in words."""
    short = re.fullmatch(r"[a-z]{1,4}\d+", model)
    return MODELS.get(model, model.upper() if short else model.replace("_", " "))


def model_key(model: str) -> str:
    """The name under which a model stands in keys that are typed: its title where that is one word (DL4), else its own."""
    title = model_title(model)
    return title if re.fullmatch(r"[\w-]+", title, re.ASCII) else model


def split_title(split: str) -> str:
    """What the split is called."""
    return SPLITS.get(split, split)


def run_title(model: str, split: str) -> str:
    """DL4, grouped."""
    return f"{model_title(model)}, {split_title(split)}"
