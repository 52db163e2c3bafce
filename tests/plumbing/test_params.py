"""Parameters are read strictly, and every message names the key."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from iotids.plumbing.params import Data, compose, find_root, read_data, read_section

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Params:
    width: int
    depths: tuple[int, ...]
    decay: float = 0.0


def write(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return path


def test_lists_become_tuples(tmp_path):
    assert read_section("network", Params, write(tmp_path, "network: {width: 64, depths: [4, 5]}")) == Params(
        64, (4, 5)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network: {width: 64}", "missing key `network.depths`"),
        (
            "network: {width: 64, depths: [4], wdith: 3}",
            "unknown key `network.wdith`; known are decay, depths, width",
        ),
        ("network: {width: '???', depths: [4]}", "`network.width` has no value"),
        ("meter: {}", "no section `network`"),
    ],
)
def test_a_wrong_section_is_named(tmp_path, text, message):
    with pytest.raises(KeyError, match=message.replace("?", r"\?").replace(".", r"\.")):
        read_section("network", Params, write(tmp_path, text))


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("{width: wide, depths: [4]}", "`network.width` is 'wide'; wanted is a whole number"),
        ("{width: true, depths: [4]}", "`network.width` is True; wanted is a whole number"),
        ("{width: 6.5, depths: [4]}", "`network.width` is 6.5; wanted is a whole number"),
        ("{width: 64, depths: 4}", "`network.depths` is 4; wanted is a list, each of it a whole number"),
        ("{width: 64, depths: [4, five]}", "`network.depths` is [4, 'five']; wanted is a list"),
        (
            "{width: 64, depths: [4], decay: 1e-6}",
            "`network.decay` is '1e-6'; wanted is a number, written as 0.1 or 1.0e-6",
        ),
        ("{width: 64, depths: [4]", "no YAML"),
    ],
)
def test_a_value_edited_by_hand_into_another_type_is_named_with_what_to_do(tmp_path, value, wanted):
    with pytest.raises(ValueError, match=re.escape(wanted) + ".*iotids params"):
        read_section("network", Params, write(tmp_path, f"network: {value}"))


def test_a_whole_number_is_a_number_too(tmp_path):
    assert (
        read_section("network", Params, write(tmp_path, "network: {width: 64, depths: [], decay: 1}")).decay
        == 1
    )


def test_a_missing_file_says_how_to_write_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="iotids params"):
        read_section("network", Params, tmp_path / "params.yaml")


def test_a_relative_root_is_found_from_the_workspace(tmp_path, monkeypatch):
    (tmp_path / "workspace").mkdir()
    (tmp_path / "captures").mkdir()
    (tmp_path / "copy").mkdir()
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "workspace"))
    assert find_root("../captures").resolve() == tmp_path / "captures"


def test_a_source_can_have_a_root_of_its_own(tmp_path, monkeypatch):
    for name in ("sample", "real"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    sources = {
        "D1": {"kind": "folders"},
        "real": {"kind": "label_table", "root": "real"},
        "gone": {"root": "nowhere"},
    }
    data = Data("x", Path("sample"), sources, ("BENIGN",), "BENIGN")
    assert (data.root_of("D1"), data.root_of("real")) == (Path("sample"), Path("real"))
    with pytest.raises(
        FileNotFoundError, match=r"data.sources.gone.root nowhere: no such folder.*-S data.sources.gone.root="
    ):
        data.root_of("gone")


def test_a_missing_root_says_how_to_get_the_sample(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    with pytest.raises(FileNotFoundError, match="dvc pull data.dvc"):
        find_root("data/sample")


def test_the_benign_class_must_be_one_of_the_classes(tmp_path):
    with pytest.raises(KeyError, match="NORMAL"):
        read_data(write(tmp_path, "data: {name: x, root: ., sources: {}, classes: [BENIGN], benign: NORMAL}"))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("preset=nope", "Could not find 'preset/nope' Available options in 'preset': detector"),
        ("report.networks=null", "Could not override 'report.networks'"),
        ("data.root", "missing EQUAL"),
        ("network.models=[", "no viable alternative"),
        ("network.models=${nope}", "'nope' not found"),
    ],
)
def test_an_override_that_cannot_be_composed_is_one_line_and_the_file_stays(tmp_path, override, said):
    file = tmp_path / "params.yaml"
    file.write_text("was here")
    with pytest.raises(ValueError, match=re.escape(said)) as raised:
        compose([override], file, ROOT / "conf")
    assert "\n" not in str(raised.value) and str(raised.value).startswith(override)
    assert file.read_text() == "was here"
