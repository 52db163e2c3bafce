"""Settings of networks as the report lists them: nobody's are said to be another's."""

from dataclasses import replace

from iotids.reporting.sections.network_settings import network_settings_markdown
from tests.reporting.made_results import made_result

PAPER = {
    "depth": 4,
    "width": 64,
    "optimiser": "sgd",
    "learning_rate": 0.1,
    "momentum": 0.09,
    "nesterov": True,
    "seed": 7,
}
OTHER = {
    "depth": 4,
    "width": 128,
    "optimiser": "adam",
    "learning_rate": 0.001,
    "momentum": 0.09,
    "nesterov": True,
    "seed": 7,
}


def run_of(model, params, stage="network"):
    return replace(made_result(model, seed=1), params=params, stage=stage)


def test_networks_that_differ_in_depth_alone_share_a_line_and_others_have_their_own():
    results = {
        ("binary", "other"): run_of("other", OTHER),
        ("binary", "dl4"): run_of("dl4", PAPER),
        ("multiclass", "dl4"): run_of("dl4", PAPER),
        ("binary", "dl5"): run_of("dl5", {**PAPER, "depth": 5}),
        ("binary", "majority"): run_of("majority", {"n": 1}, stage="baseline"),
    }
    lines = [line for line in network_settings_markdown(results).splitlines() if line.startswith("* ")]
    assert lines == [
        "* other: width 128, optimiser adam, learning rate 0.001",
        "* DL4, DL5: width 64, optimiser sgd, learning rate 0.1, momentum 0.09, nesterov yes",
    ]


def test_without_networks_nothing_is_said():
    assert network_settings_markdown({("binary", "majority"): run_of("majority", {}, stage="baseline")}) == ""
