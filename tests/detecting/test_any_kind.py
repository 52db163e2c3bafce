"""Whatever exports to ONNX can be packed, judged with, explained, calibrated and served; what does not is refused
before anything is trained.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from iotids.commands import detect
from iotids.detecting.judge_flows import judge_flows
from iotids.detecting.judging.mlflow_serving import _load_pyfunc
from iotids.detecting.judging.reasons import Budget
from iotids.detecting.package.inference import Model
from iotids.detecting.package.package import PackageError, open_package
from iotids.detecting.packing.assembly import PackSettings
from iotids.detecting.packing.check import check_configurations
from iotids.detecting.packing.packing import Dataset, Run, pack
from iotids.flowmeter.flows import flows_from_capture
from iotids.learning.contract import RunContext
from iotids.learning.data.flow_columns import feature_matrix
from iotids.learning.data.folds import Fold
from iotids.learning.data.training_data import read_training_data
from iotids.learning.registry import KINDS
from iotids.learning.runs.run_folder import Configuration, predictions_table, run_document
from tests.detecting.lab import (
    CLASSES,
    METER,
    benign_records,
    flood_records,
    read_verdicts,
    scan_records,
)
from tests.detecting.test_final import NoStore
from tests.packets import write_pcap

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = PackSettings(
    "grouped",
    false_alarm_share=0.01,
    novelty_quantile=0.995,
    coverage=None,
    zero_point_share=None,
    prototypes=32,
    exports=("litert",),
    agreement=0.999,
    recordings=(),
    seed=7,
)
PACKABLE = [
    "random_forest",
    "hist_gradient_boosting",
    "decision_tree",
    "logistic_regression",
    "gaussian_nb",
    "site_trees",  # sees the context of flows
    "site_forests",  # sees both
]
SMALL_LEAVES = {"site_trees": {"min_samples_leaf": 5}, "site_forests": {"context_leaf": 5, "both_leaf": 5}}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Metered captures of three classes, three recordings each."""
    folder, parts = tmp_path_factory.mktemp("flows"), []
    for label, maker in zip(CLASSES, (benign_records, flood_records, scan_records), strict=True):
        for group in range(3):
            path = write_pcap(folder / f"{label}{group}.pcap", maker(flows=150, seed=10 * len(parts) + group))
            flows = flows_from_capture(path, "clean", columns=["context"])
            facts = {"label": label, "source": "lab", "group": str(group)}
            for name, value in facts.items():
                flows = flows.append_column(name, pa.array([value] * flows.num_rows))
            parts.append(flows)
    return Dataset(pa.concat_tables(parts).select, "lab", CLASSES, "BENIGN", "0" * 64)


def cross_validated(kind, dataset):
    """What cross-validation by recording leaves of one kind."""
    data = read_training_data(dataset.read, kind, "multiclass", CLASSES, "BENIGN")
    rows = np.arange(data.truth.size)
    folds = [Fold(g, rows[data.group != g], rows[data.group == g]) for g in range(3)]
    settings = kind.settings(SMALL_LEAVES.get(kind.name, {}))
    run = kind.fit_folds(data, {"grouped": folds}, settings, seed=1, orders=1, context=RunContext(NoStore()))
    configuration = Configuration("baseline", "multiclass", kind.name, kind, settings, 1)
    document = run_document(run.results, configuration, CLASSES, "BENIGN")
    card = {"grouped": {"folds": 3, "figure": "mean over 3 folds", "accuracy": {"value": 0.9, "std": 0.1}}}
    return Run(document, predictions_table(run.results, CLASSES), card)


@pytest.fixture(scope="module", params=PACKABLE)
def packed(request, dataset, tmp_path_factory):
    """A package of one kind."""
    folder = tmp_path_factory.mktemp("final") / f"multiclass-{request.param}"
    pack(folder, dataset, cross_validated(KINDS[request.param], dataset), METER, SETTINGS)
    return open_package(folder)


def test_what_detect_would_refuse_is_not_packed_and_the_older_package_stays(dataset, tmp_path):
    run, folder = cross_validated(KINDS["gaussian_nb"], dataset), tmp_path / "multiclass-gaussian_nb"
    pack(folder, dataset, run, METER, SETTINGS)
    before = (folder / "package.json").read_bytes()
    with pytest.raises(PackageError, match="data is 'xxx"):
        pack(folder, replace(dataset, name="x" * 300), run, METER, SETTINGS)
    assert (folder / "package.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Run the command in this process: exit code and what it said on standard error."""
    monkeypatch.chdir(tmp_path)
    write_pcap(
        tmp_path / "attack.pcap", [*flood_records(flows=100, seed=91), *scan_records(flows=80, seed=92)]
    )
    write_pcap(tmp_path / "benign.pcap", benign_records(flows=120, seed=93))

    def run(*words):
        monkeypatch.setattr("sys.argv", ["detect", *map(str, words)])
        code = detect.main()
        return code, capsys.readouterr().err

    return run


def test_its_graph_gives_the_verdicts_of_the_model_and_forms_it_lacks_are_said_to_lack(packed):
    exports = packed.manifest["exports"]
    assert exports["onnx"]["agreement"] >= 0.999
    assert exports["onnx"]["largest_probability_difference"] < 1e-3
    assert exports["litert"]["published"] is False
    assert packed.manifest["kind"] in exports["litert"]["why"]
    assert "gradient.onnx" not in packed.manifest["files"]


def test_it_judges_captures_and_gives_reasons(packed, command, tmp_path):
    code, said = command(
        "attack.pcap", "benign.pcap", "-o", "v.parquet", "--report", "p.html", "--model", packed.folder
    )
    assert code == 0, said
    rows = read_verdicts(tmp_path / "v.parquet").to_pylist()
    attacks = [row for row in rows if row["verdict"] == "attack"]
    actors = (
        {"10.0.0.66"} if packed.wants_context else {"10.0.0.66", "10.0.0.77"}
    )  # three recordings are few sites
    assert {row["src_ip"] for row in attacks} >= actors
    explained = len(attacks) if Model(packed).has_gradient else min(64, len(attacks))
    assert sum(bool(row["reasons"]) for row in attacks) > 0.9 * explained
    assert all(reason["weight"] > 0 for row in attacks for reason in row["reasons"])


def test_every_incident_has_reasons_where_few_flows_may_be_explained_and_the_same(
    packed, command, tmp_path, monkeypatch
):
    summaries = []
    for name, budget in (("all", Budget), ("few", Frugal)):
        monkeypatch.setattr("iotids.detecting.running.session.Budget", budget)
        assert command("attack.pcap", "-o", f"{name}.parquet", "--model", packed.folder)[0] == 0
        summaries.append(json.loads((tmp_path / f"{name}.parquet.summary.json").read_text()))
    assert summaries[0]["attacks"]
    for rich, poor in zip(*(summary["attacks"] for summary in summaries), strict=True):
        assert poor["reasons"] == rich["reasons"] != []
    if not Model(packed).has_gradient:
        assert not any(
            read_verdicts(tmp_path / "few.parquet")
            .filter(pc.field("verdict") == "attack")
            .column("reasons")
            .to_pylist()
        )


class Frugal(Budget):
    """Explains no flow."""

    def spend(self, wanted):
        return 0


def test_packets_from_a_pipe_and_flows_in_a_table_get_the_same_verdicts(packed, command, tmp_path):
    assert command("attack.pcap", "-o", "file.parquet", "--model", packed.folder)[0] == 0
    with (tmp_path / "attack.pcap").open("rb") as packets:
        # fmt: off
        subprocess.run(
            [sys.executable, "-m", "iotids", "detect", "-", "--in-order", "-o", "pipe.parquet", "--model", packed.folder],
            stdin=packets, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True,
        )
        # fmt: on
    judged = judge_flows(packed, flows_from_capture(tmp_path / "attack.pcap", "clean"))
    by_flow = [
        {(row["src_ip"], row["src_port"], row["dst_port"]): row["verdict"] for row in table.to_pylist()}
        for table in (*(read_verdicts(tmp_path / f"{name}.parquet") for name in ("file", "pipe")), judged)
    ]
    assert by_flow[0] == by_flow[2]
    assert len(by_flow[0]) == 180 and by_flow[0].keys() == by_flow[1].keys()
    assert by_flow[0] == by_flow[1]


def test_a_site_is_calibrated_with_it(packed, command, tmp_path):
    words = ["--calibrate", "benign.pcap", "--max-alarms-per-day", "5", "-o", "site.json"]
    code, said = command(*words, "--model", packed.folder)
    assert code in (0, 3), said
    assert json.loads((tmp_path / "site.json").read_text())["after"]["alarms_per_day"] <= 5
    assert (
        command("attack.pcap", "-o", "v.csv", "--operating-point", "site.json", "--model", packed.folder)[0]
        == 0
    )


def test_it_is_served_with_the_verdicts_of_its_graph(packed, dataset):
    import pandas as pd

    X = feature_matrix(dataset.read(packed.features), packed.features)[::7]
    answer = _load_pyfunc(str(packed.folder)).predict(pd.DataFrame(X, columns=list(packed.features)))
    logits = Model(packed).logits(X) / packed.manifest["calibration"]["temperature"]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert np.allclose(answer["p_DOS"], (shares / shares.sum(axis=1, keepdims=True))[:, 1], atol=1e-5)


def params(*configurations):
    named = [dict(zip(("stage", "run"), one.split("/"), strict=True)) for one in configurations]
    settings = {"network": {"dl4": {"kind": "dense", "depth": 4}}, "baseline": {"random_forest": {}}}
    return {"final": {"configurations": named}} | {name: {"settings": one} for name, one in settings.items()}


def test_configurations_of_packable_kinds_pass_the_check():
    check_configurations(params("network/multiclass-dl4", "baseline/multiclass-random_forest"))


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ("baseline/multiclass-nearest_neighbour", "'nearest_neighbour' has no ONNX form"),
        ("baseline/binary-dataset_oracle", "dataset_oracle"),
        ("baseline/binary-forest", "kind of model 'forest'; known are"),
        ("baselines/binary-random_forest", "stage 'baselines'"),
    ],
)
def test_a_kind_that_cannot_be_packed_is_refused_before_anything_is_trained(configuration, said):
    with pytest.raises((ValueError, KeyError), match=said):
        check_configurations(params(configuration))
