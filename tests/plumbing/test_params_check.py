"""Edits of params.yaml by hand are named before they are lost, and faults before an hour of work."""

import shutil
from functools import reduce
from pathlib import Path

import pytest
import yaml

from iotids.plumbing import params_check
from iotids.plumbing.params import compose

ROOT = Path(__file__).resolve().parents[2]


def composed_copy(folder):
    compose([], folder / "params.yaml", ROOT / "conf")
    return folder / "params.yaml"


def test_composed_parameters_give_no_notice(tmp_path, capsys):
    params_check.notice_differences(composed_copy(tmp_path), ROOT / "conf")
    assert capsys.readouterr().err == ""


def test_an_edited_value_is_named_with_what_to_do(tmp_path, capsys):
    path = composed_copy(tmp_path)
    params = yaml.safe_load(path.read_text())
    was = params["split"]["folds"]
    params["split"]["folds"] = 9
    path.write_text(yaml.safe_dump(params))
    params_check.notice_differences(path, ROOT / "conf")
    said = capsys.readouterr().err
    assert f"split.folds is 9, conf/ says {was}" in said
    assert "iotids params" in said


def test_a_preset_is_recognised_and_what_was_edited_beside_it_is_named(tmp_path, capsys):
    path = tmp_path / "params.yaml"
    compose(["preset=paper_size"], path, ROOT / "conf")
    params_check.notice_differences(path, ROOT / "conf")
    said = capsys.readouterr().err
    assert said.splitlines() == [
        f"{path} is what conf/ composes with preset=paper_size: `dvc repro` uses it, `dvc exp run` needs -S preset=paper_size again"
    ]
    path.write_text(path.read_text().replace("root: data/paper-size", "root: elsewhere"))
    params_check.notice_differences(path, ROOT / "conf")
    said = capsys.readouterr().err
    assert "composes with preset=paper_size (edited by hand" in said
    assert said.count("conf/ says") == 1 and "data.root is elsewhere, conf/ says data/paper-size" in said


@pytest.mark.parametrize("preset", ["surveyed", "surveyed_real", "surveyed_smoke", "surveyed_models"])
def test_a_preset_that_builds_on_another_is_not_taken_for_it(tmp_path, capsys, preset):
    path = tmp_path / "params.yaml"
    compose([f"preset={preset}"], path, ROOT / "conf")
    params_check.notice_differences(path, ROOT / "conf")
    assert capsys.readouterr().err.startswith(f"{path} is what conf/ composes with preset={preset}:")


def test_added_and_removed_keys_are_named():
    assert params_check.differences({"a": {"b": 1, "new": 2}}, {"a": {"b": 1, "old": 3}}) == [
        "a.new is 2, conf/ says nothing",
        "a.old is missing, conf/ says 3",
    ]


def test_the_file_itself_is_left_alone(tmp_path):
    path = composed_copy(tmp_path)
    path.write_text(path.read_text().replace("folds: 5", "folds: 9"))
    shutil.copy(path, tmp_path / "before")
    params_check.notice_differences(path, ROOT / "conf")
    assert path.read_bytes() == (tmp_path / "before").read_bytes()


@pytest.mark.parametrize(
    ("key", "wrong", "said"),
    [
        ("data.sources.D4.kind", "zeeek", r"D4.kind is 'zeeek'; known are packet_filters, .*zeek"),
        ("split.kinds", ["stratifed"], "split.kinds has 'stratifed'; known are stratified"),
        ("score.networks", ["dl_sensibel"], "score.networks has 'dl_sensibel'; known are dl_sensible"),
        (
            "final.configurations",
            [{"stage": "network", "run": "multiclass-dl99"}],
            "'?dl99'?; known are dense",
        ),
        ("split.folds", "five", "wrong type .* `dvc repro check` names its key"),
    ],
)
def test_the_command_refuses_what_would_fail_later_and_names_what_is_known(
    tmp_path, monkeypatch, key, wrong, said
):
    path = composed_copy(tmp_path)
    content = yaml.safe_load(path.read_text())
    *sections, last = key.split(".")
    reduce(lambda inner, name: inner[name], sections, content)[last] = wrong
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["iotids check"])
    with pytest.raises((KeyError, ValueError), match=said):
        params_check.main()
