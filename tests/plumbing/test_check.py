"""What is wrong in params.yaml is said before any work, with the names that are known and where to change it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from iotids.plumbing.cross_checks import check_keep
from iotids.plumbing.params import compose, read_data, read_params
from stages.check import check_folders, faults

ROOT = Path(__file__).resolve().parents[2]


def check(folder, **environment):
    """Run the stage in a folder with conf/ and params.yaml, where `data.root` is a folder."""
    if not (folder / "conf").exists():
        (folder / "conf").symlink_to(ROOT / "conf")
    params = yaml.safe_load((folder / "params.yaml").read_text())
    if "root" in params.get("data", {}):
        params["data"]["root"] = str(folder)
        for entry in params["data"]["sources"].values():
            entry |= {"root": str(folder)} if "root" in entry else {}
        (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return subprocess.run(
        [sys.executable, "-m", "stages.check", "--out", "out/check.json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "overrides",
    [[], ["preset=smoke"], ["preset=real"], ["preset=detector"], ["preset=recipe"], ["data=paper"]],
)
def test_our_own_parameters_pass_and_the_output_is_always_the_same(tmp_path, overrides):
    compose(overrides, tmp_path / "params.yaml", ROOT / "conf")
    done = check(tmp_path)
    assert done.returncode == 0, done.stderr
    sections = json.loads((tmp_path / "out" / "check.json").read_text())["checked"]
    assert sections[0] == "meter"
    assert "data" not in (tmp_path / "out" / "check.json").read_text()


@pytest.mark.parametrize("key", ["data.root", "data.sources.real.root"])
def test_a_folder_that_is_not_there_is_named_with_its_parameter_before_any_work(tmp_path, monkeypatch, key):
    monkeypatch.chdir(tmp_path)
    roots = [f"{one}={tmp_path}" for one in ("data.root", "data.sources.real.root") if one != key]
    compose(["preset=detector", *roots, f"{key}=/no/such/place"], tmp_path / "params.yaml", ROOT / "conf")
    with pytest.raises(FileNotFoundError, match=f"{key} /no/such/place: no such folder"):
        check_folders(read_data())


def test_the_preset_of_every_paper_passes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(14, 21):
        compose([f"preset=paper{number}"], tmp_path / "params.yaml", ROOT / "conf")
        assert faults(read_params(tmp_path / "params.yaml")) == []


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        ("integrate.features=[flow]", "of a published table it is [own]"),
        ("network.models=[dl4,hybrid]", "'hybrid': kind hybrid sees flow, context, sequence_bytes"),
        ("network.models=[dl4,kitsune]", "kind kitsune sees certain features of a flow"),
        ("final.configurations=[{stage:network,run:binary-dl4}]", "final.configurations wants flows"),
        ("data.sources.train.release=nsl-kdd", "release 'nsl-kdd'; known are nsl_kdd, kdd99"),
        ("~data.sources.train.files", "option files is missing for kind published"),
    ],
)
def test_what_a_published_table_cannot_have_is_said(tmp_path, monkeypatch, override, wanted):
    monkeypatch.chdir(tmp_path)
    compose(["preset=paper14", override], tmp_path / "params.yaml", ROOT / "conf")
    assert wanted in "\n".join(faults(read_params(tmp_path / "params.yaml")))


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        ("meter.profile=clear", "original, paper, corrected, clean"),
        ("meter.flow_timeout_s=-1", "meter.flow_timeout_s is not what conf/ says"),
        ("meter.tunnels=both", "inner"),
        ("meter.columns=[colour]", "known are sequence, context"),
        ("integrate.features=[flow,context]", "integrate.features has 'context'; known are flow"),
        ("integrate.features=[flow,colour]", "unknown group of features colour"),
        ("baseline.models=[majority,site_trees]", "which sees context; integrate.features are flow"),
        ("integrate.features=[flow,sequence]", "integrate.features has 'sequence'; known are flow"),
        ("network.models=[dl4,packet_conv]", "which sees sequence; integrate.features are flow"),
        ("network.models=[dl4,hybrid]", "which sees context, sequence; integrate.features are flow"),
        ("label.unlabelled=drop", "error, apart"),
        ("data.sources.D1.kind=filters", "packet_filters"),
        ("+data.sources.D1.rule=x", "unknown option rule"),
        ("+integrate.keep.D9=0.5", "D1, D2, D3, D4"),
        ("+integrate.keep={D1/BENING: 5}", "integrate.keep has 'D1/BENING'; known are D1, D2, D3, D4"),
        ("split.kinds=[grupped]", "stratified, dedup"),
        ("split.folds=1", "2 or more"),
        ("network.models=[four]", "kind of model 'four'; known are dense"),
        ("network.settings.dl5.kind=conv", "model dl5: kind of model 'conv'; known are dense"),
        ("network.width=wide", "a whole number"),
        ("baseline.models=[forest]", "random_forest"),
        ("+baseline.settings.random_forest.trees=3", "n_estimators"),
        ("baseline.tasks=[ternary]", "binary, multiclass"),
        ("score.baselines=[extra_trees]", "hoeffding_tree"),
        ("score.networks=[dl9]", "dl4, dl5, dl6, dl7"),
        ("final.configurations=[{stage:network,run:binary-dl9}]", "network/binary-dl4"),
        ("final.configurations=[{stage:baseline,run:binary-nearest_neighbour}]", "no ONNX form"),
        ("final.split=temporal", "stratified, grouped"),
    ],
)
def test_a_wrong_value_is_a_line_with_what_is_known(tmp_path, override, wanted):
    compose([override], tmp_path / "params.yaml", ROOT / "conf")
    done = check(tmp_path)
    assert done.returncode == 1
    assert wanted in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_every_fault_is_said_at_once(tmp_path):
    overrides = ["split.kinds=[grupped]", "label.unlabelled=drop", "baseline.tasks=[ternary]"]
    compose(overrides, tmp_path / "params.yaml", ROOT / "conf")
    said = check(tmp_path).stderr
    assert all(word in said for word in ("grupped", "drop", "ternary"))


def test_the_advice_fits_where_the_value_came_from(tmp_path):
    compose(["label.unlabelled=drop"], tmp_path / "params.yaml", ROOT / "conf")
    assert "edit it in params.yaml, or drop the edit" in check(tmp_path).stderr
    assert "given with -S: repeat the command" in check(tmp_path, DVC_EXP_NAME="x").stderr


def test_a_value_that_conf_has_is_changed_there(tmp_path):
    conf = tmp_path / "conf"
    for path in (ROOT / "conf").rglob("*.yaml"):
        target = conf / path.relative_to(ROOT / "conf")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text())
    section = yaml.safe_load((conf / "label" / "default.yaml").read_text())
    (conf / "label" / "default.yaml").write_text(yaml.safe_dump({**section, "unlabelled": "drop"}))
    compose([], tmp_path / "params.yaml", conf)
    assert "edit conf/" in check(tmp_path).stderr


def test_sites_that_a_table_of_labels_names_can_be_kept_but_not_unknown_classes(tmp_path):
    compose(["data=real", "+integrate.keep={scan: 3, scan/DOSS: 3}"], tmp_path / "params.yaml", ROOT / "conf")
    params = yaml.safe_load((tmp_path / "params.yaml").read_text())
    assert list(check_keep(params)) == ["integrate.keep has 'scan/DOSS'; known are real"]
