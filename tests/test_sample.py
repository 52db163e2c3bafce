"""The embedded sample is what the testbed writes: same bytes as data.dvc names, small enough to live in git."""

import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml

from iotids.testbed.__main__ import main as write_sample

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "sample-store" / "files" / "md5"
MAX_BYTES = 15_000_000
TRACKED = ("data.dvc", "box.dvc")


def stored_files(tracked="data.dvc"):
    """Path below data/ (or what else is tracked) → MD5, as the .dvc file and the listing in the store say."""
    digest = digest_of(tracked)
    return {
        entry["relpath"]: entry["md5"] for entry in json.loads((STORE / digest[:2] / digest[2:]).read_text())
    }


def digest_of(tracked):
    """MD5 of the listing of a tracked folder."""
    return yaml.safe_load((ROOT / tracked).read_text())["outs"][0]["md5"]


@pytest.mark.slow
def test_the_testbed_writes_the_captures_that_data_dvc_names(tmp_path):
    assert write_sample([str(tmp_path / "sample"), "--seed", "7"]) == 0
    paths = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {
        str(path.relative_to(tmp_path)): hashlib.md5(path.read_bytes()).hexdigest() for path in paths
    } == stored_files()


def test_the_store_holds_every_file_of_the_sample_and_of_the_box_and_nothing_else():
    stored = {path.parent.name + path.name for path in STORE.rglob("*") if path.is_file()}
    wanted = {md5 for name in TRACKED for md5 in (digest_of(name), *stored_files(name).values())}
    assert stored == wanted
    assert sum(path.stat().st_size for path in STORE.rglob("*") if path.is_file()) <= MAX_BYTES


def test_a_scale_that_does_not_fit_is_refused_before_anything_is_written(tmp_path, capsys):
    with pytest.raises(SystemExit):
        write_sample([str(tmp_path / "sample"), "--scale", "1e7"])
    wanted = r"--scale 10000000\.0: needs about 70000\.0 GB, .* GB are free at .*; give a smaller --scale"
    assert re.search(wanted, capsys.readouterr().err)
    assert not (tmp_path / "sample").exists()
