"""A model card has the metadata that hubs read, and every figure of the package."""

import yaml

from iotids.tracking.model_card import model_card, network_card

MANIFEST = {
    "name": "binary-dl4",
    "task": "binary",
    "kind": "dense",
    "data": "sample",
    "classes": ["BENIGN", "ATTACK"],
    "features": ["f0", "f1"],
    "training": {"flows": 1200, "sha256": "ab", "flows_per_class": {"BENIGN": 1000, "ATTACK": 200}},
    "cross_validation": {
        "grouped": {
            "folds": 5,
            "f1_macro": {"value": 0.75, "std": 0.01},
            "accuracy": {"value": 0.9, "std": 0.02},
        }
    },
    "operating_point": {"measured": {"false_alarm_share": 0.012, "recall": 0.87}},
    "known_limits": ["It sees flows, not payloads."],
    "doubts": ["it finds nothing of MITM."],
}
LEAST = {key: MANIFEST[key] for key in ("name", "task", "classes", "features", "operating_point")}


def test_the_front_matter_names_licence_task_data_and_results():
    front = yaml.safe_load(model_card(MANIFEST).split("---")[1])
    assert (front["license"], front["pipeline_tag"], front["datasets"]) == (
        "mit",
        "tabular-classification",
        ["sample"],
    )
    (result,) = front["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "accuracy", "value": 0.9}, {"type": "f1_macro", "value": 0.75}]
    assert front["metrics"] == ["accuracy", "f1_macro"]


def test_the_text_has_data_figures_limits_and_doubts():
    card = model_card(MANIFEST)
    for said in (
        "1,200 flows",
        "| ATTACK | 200 |",
        "0.7500 ± 0.0100",
        "recall 0.8700",
        "not payloads",
        "Doubts: it finds",
    ):
        assert said in card


def test_a_package_that_says_little_has_a_card_too():
    assert "## Evaluation" not in model_card(LEAST)


def test_the_card_of_a_network_says_that_it_is_one_fold_and_what_it_never_predicts():
    part = {"metrics": MANIFEST["cross_validation"]["grouped"], "unpredicted": []}
    part["unpredicted"] = [{"class": "ATTACK", "folds": 2, "tested": 5}]
    scored = {"task": "binary", "model": "dl4", "classes": ["BENIGN", "ATTACK"], "splits": {"grouped": part}}
    data = {"name": "sample", "sha256": "ab", "flows": 1200, "features": ["f0", "f1"]}
    data["flows_per_class"] = {"BENIGN": 1000, "ATTACK": 200}
    card = network_card(scored, {"dataset": data})
    front = yaml.safe_load(card.split("---")[1])
    assert (front["library_name"], front["model-index"][0]["name"]) == ("keras", "binary-dl4")
    for said in (
        "first fold only",
        "| ATTACK | 200 |",
        "0.7500 ± 0.0100",
        "in 2 of 5 folds of the grouped split",
    ):
        assert said in card
    assert "Operating point" not in card
