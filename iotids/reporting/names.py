"""How models, splits and scores are called in tables and figures."""

from __future__ import annotations

MODELS = {
    "hoeffding_tree": "HT",
    "naive_bayes": "NB",
    "majority": "majority class",
    "dataset_oracle": "dataset oracle",
    "best_single_feature": "best single feature",
    "logistic_regression": "logistic regression",
    "decision_tree": "decision tree",
    "random_forest": "random forest",
    "extra_trees": "extra trees",
    "hist_gradient_boosting": "gradient boosting",
    "nearest_neighbour": "nearest neighbour",
    "gaussian_nb": "Gaussian NB",
    "vfdt": "Weka's HT",
}
PROTOCOLS = {
    "stratified": "stratified",
    "dedup": "deduplicated",
    "dup_grouped": "duplicates together",
    "grouped": "grouped",
    "temporal": "temporal",
    "environment": "unseen network",
    "attack": "unseen attack",
}
TREES = ("decision_tree", "random_forest", "extra_trees", "hist_gradient_boosting")
METRIC, METRIC_TITLE = (
    "f1_macro",
    "macro F",
)  # what models are compared by: accuracy hides the rare classes, 0.02 % of the paper's flows are MITM
UNSEEN = ("environment", "attack")  # folds that leave out something whole: a fold may hold one class only
TASKS = {"binary": "Binary classification", "multiclass": "Multi-class classification"}


def model_title(model: str) -> str:
    """HT, NB, DL4, random forest; the key itself where nothing better is known."""
    return MODELS.get(model, model.upper() if is_network(model) else model.replace("_", " "))


def protocol_title(protocol: str) -> str:
    """What the split is called."""
    return PROTOCOLS.get(protocol, protocol)


def run_title(model: str, protocol: str) -> str:
    """DL4, grouped."""
    return f"{model_title(model)}, {protocol_title(protocol)}"


def is_network(model: str) -> bool:
    """Whether the key is that of a network: dl4, dl5, ..."""
    return model.startswith("dl") and model[2:].isdigit()
