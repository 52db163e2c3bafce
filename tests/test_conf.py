"""conf/, params.yaml and the stages' Params classes say the same."""

from dataclasses import MISSING, fields
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from iotids.plumbing.params import Data, compose, read_section

ROOT = Path(__file__).resolve().parents[1]
SECTIONS = ["meter", "label", "integrate", "split", "network", "baseline", "report"]
PRESETS = sorted(path.stem for path in (ROOT / "conf" / "preset").glob("*.yaml"))


def composed(tmp_path, *overrides):
    compose(list(overrides), tmp_path / "params.yaml", ROOT / "conf")
    return yaml.safe_load((tmp_path / "params.yaml").read_text())


def test_params_yaml_is_what_conf_composes(tmp_path):
    assert composed(tmp_path) == yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_has_exactly_the_keys_of_its_stage(section):
    kind = import_module(f"stages.{section}").Params
    keys = yaml.safe_load((ROOT / "params.yaml").read_text())[section]
    assert set(keys) == {field.name for field in fields(kind)}
    assert isinstance(read_section(section, kind, ROOT / "params.yaml"), kind)


@pytest.mark.parametrize("section", SECTIONS)
def test_defaults_are_said_in_conf_only(section):
    kind = import_module(f"stages.{section}").Params
    assert all(field.default is MISSING and field.default_factory is MISSING for field in fields(kind))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_composes_to_the_same_keys(tmp_path, preset):
    params = composed(tmp_path, f"preset={preset}")
    default = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert {name: set(section) for name, section in params.items()} == {
        name: set(section) for name, section in default.items()
    }


@pytest.mark.parametrize("data", ["sample", "paper", "real"])
def test_every_data_set_names_its_sources_and_classes(tmp_path, data):
    composed(tmp_path, f"data={data}")
    section = read_section("data", Data, tmp_path / "params.yaml")
    assert section.benign in section.classes
    assert all({"kind", "folder", "watch"} <= set(source) for source in section.sources.values())


@pytest.mark.parametrize("data", ["sample", "paper_size"])
def test_data_that_the_test_bed_writes_is_called_simulated(tmp_path, data):
    composed(tmp_path, f"data={data}")
    assert "simulated" in read_section("data", Data, tmp_path / "params.yaml").name


def test_no_value_is_left_open(tmp_path):
    assert "???" not in (ROOT / "params.yaml").read_text()


def test_the_detector_keeps_every_setting_of_the_meter():
    kept, meant = import_module("stages.final").MeterSettings, import_module("stages.meter").Params
    assert {field.name for field in fields(kept)} == {field.name for field in fields(meant)}
