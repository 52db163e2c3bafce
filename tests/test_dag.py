"""dvc.yaml tells the truth: what a stage imports it depends on, and its commands run the checked-out code."""

from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from stages import check
from tests.imports import reached_files

ROOT = Path(__file__).resolve().parents[1]
DAG = yaml.safe_load((ROOT / "dvc.yaml").read_text())
CANNOT_CHANGE_RESULTS = (
    "tracking",
    *(
        f"plumbing/{name}.py"
        for name in ("progress", "parallel", "machine", "errors", "signals", "stderr_filter", "light_start")
    ),
)


def stage_bodies():
    for name, stage in DAG["stages"].items():
        yield name, stage.get("do", stage)


def inside(file, entry):
    return file == entry or file.startswith(f"{entry}/")


@pytest.mark.parametrize(("name", "body"), list(stage_bodies()))
def test_a_stage_depends_on_what_it_imports_and_on_no_other_code(name, body):
    if name == "check":  # it loads every stage by name
        assert {"iotids", "stages"} <= set(body["deps"])
        return
    reached = {str(path) for path in reached_files(ROOT / "stages" / f"{name}.py", ROOT)}
    wanted = {
        file for file in reached if not any(inside(file, f"iotids/{part}") for part in CANNOT_CHANGE_RESULTS)
    }
    listed = {dep for dep in body["deps"] if dep.startswith(("stages/", "iotids/"))}
    assert not {file for file in wanted if not any(inside(file, entry) for entry in listed)}
    assert not {entry for entry in listed if not any(inside(file, entry) for file in wanted)}


@pytest.mark.parametrize(("name", "body"), list(stage_bodies()))
def test_a_command_runs_the_module_named_like_the_stage(name, body):
    assert body["cmd"].split()[:3] == ["python", "-m", f"stages.{name}"]


@pytest.mark.parametrize(("name", "body"), list(stage_bodies()))
def test_a_stage_watches_every_key_of_its_section_but_the_lists_that_multiply_it(name, body):
    """Appending a depth or a model must not make the trained ones stale."""
    if name == "check":  # it reads every section
        assert "params.yaml" in body["deps"]
        return
    watched = {str(param) for param in body["params"]}
    keys = {field.name for field in fields(import_module(f"stages.{name}").Params)}
    multipliers = [str(value) for value in body.get("matrix", {}).values()]
    lists = {
        value.removeprefix(f"${{{name}.").removesuffix("}")
        for value in multipliers
        if value.startswith(f"${{{name}.")
    }
    watched |= {".".join(param.split(".")[:2]) for param in watched}  # baseline.settings.${item.model}
    assert name in watched or {f"{name}.{key}" for key in keys - lists} <= watched
    assert not lists or name not in watched


def test_outputs_lie_in_out_and_go_to_a_remote_of_ones_own_while_the_sample_has_its_own():
    for _, body in stage_bodies():
        for out in body.get("outs", []) + body.get("metrics", []):
            path, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
            assert path.startswith("out/")
            assert "push" not in options and "remote" not in options
    (data,) = yaml.safe_load((ROOT / "data.dvc").read_text())["outs"]
    assert data["remote"] == "sample"
    assert (
        "remote = " not in (ROOT / ".dvc/config").read_text()
    )  # no default: nothing goes into the sample's folder


def test_the_scripts_in_stages_are_the_stages_of_the_dag():
    assert {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"} == set(DAG["stages"])


def test_the_stage_check_checks_every_stage_and_comes_before_all_of_them():
    assert set(check.SECTIONS) == set(DAG["stages"]) - {"check"}
    assert all("out/check.json" in body["deps"] for name, body in stage_bodies() if name == "meter")


def test_dvc_yaml_can_be_read_aloud():
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 200


@pytest.mark.parametrize("script", sorted((ROOT / "stages").glob("*.py")), ids=lambda path: path.stem)
def test_a_stage_is_a_short_script(script):
    assert len(script.read_text().splitlines()) <= 120
