"""preset=surveyed and its smoke variant name models that can be made and, of the smoke variant, fitted and reported."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from iotids.learning.baselines.registry import BASELINES
from iotids.learning.contract import RunContext, configured
from iotids.learning.data.folds import Fold
from iotids.learning.networks.registry import NETWORKS
from iotids.learning.runs.run_folder import Configuration, predictions_table, run_document
from iotids.plumbing.cross_checks import CHECKS
from iotids.plumbing.params import compose
from iotids.reporting.sections.surveyed.systems import surveyed_markdown
from tests.learning.given import Memory
from tests.learning.test_contract import flows, for_kind
from tests.reporting.made_results import scored

ROOT = Path(__file__).resolve().parents[3]


def params(tmp_path, preset):
    compose([f"preset={preset}"], tmp_path / "params.yaml", ROOT / "conf")
    return yaml.safe_load((tmp_path / "params.yaml").read_text())


@pytest.mark.parametrize("preset", ["surveyed", "surveyed_real", "surveyed_smoke"])
def test_every_model_can_be_made_and_every_cross_check_passes(tmp_path, preset, monkeypatch):
    given = params(tmp_path, preset)
    monkeypatch.chdir(tmp_path)
    assert [fault for check in CHECKS for fault in check(given)] == []
    named = {("network", name) for name in given["network"]["models"]}
    works = {
        NETWORKS[given["network"]["settings"][name]["kind"]].origin.work[:4]
        for _, name in named
        if name != "dl4" and "dl_" not in name
    }
    assert {"[14]", "[15]", "[16]", "[18]", "[19]", "[20]"} <= works
    assert "boosted_vote" in given["baseline"]["models"]


def test_the_smoke_variant_leaves_out_no_kind_of_network(tmp_path):
    whole, smoke = (params(tmp_path, preset)["network"] for preset in ("surveyed", "surveyed_smoke"))

    def kinds(network):
        return {network["settings"][name]["kind"] for name in network["models"]}

    assert kinds(smoke) == kinds(whole)


@pytest.mark.slow
def test_every_model_of_the_smoke_variant_is_fitted_and_stands_in_the_section(tmp_path):
    given, data, runs = params(tmp_path, "surveyed_smoke"), flows(n=400), {}
    hosts = data.inputs | {"src_ip": np.arange(400) % 4}  # with enough flows for every window
    data = replace(data, group=np.zeros(400, int), inputs=hosts)
    rows = np.arange(400)
    folds = {
        split: [Fold(k, rows[rows % 2 != k], rows[rows % 2 == k]) for k in (0, 1)]
        for split in ("stratified", "environment")
    }
    for stage, known in (("network", NETWORKS), ("baseline", BASELINES)):
        shared = {key: value for key, value in given[stage].items() if stage == "network"}
        for name in given[stage]["models"]:
            kind, settings = configured(name, given[stage]["settings"], known, shared)
            mine = for_kind(kind, data)
            run = kind.fit_folds(mine, folds, settings, seed=1, orders=1, context=RunContext(Memory()))
            configuration = Configuration(stage, "multiclass", name, kind, settings, 1, 1)
            document = run_document(run.results, configuration, data.classes, data.benign)
            table = predictions_table(run.results, data.classes).drop_columns(["order"])
            runs["multiclass", name] = scored(document, table)
    text = surveyed_markdown(runs, task="multiclass", splits=("stratified", "environment"))
    assert (
        "By nodes of the fog" in text
        and "By length of the window" in text
        and "By number of features" in text
    )
    assert "Best at unseen site" in text
    assert asdict(NETWORKS["fog"].origin)["printed"] in text
