"""A dvc.lock that ends in the middle is removed, one that DVC reads stays."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from ruamel.yaml import YAML

from iotids.plumbing.torn_lock import is_whole, remove_torn_stages

LOCK = (Path(__file__).resolve().parents[2] / "dvc.lock").read_text(encoding="utf-8")


@pytest.mark.parametrize("length", range(1, 4000, 37))
def test_a_lock_that_was_cut_is_one_that_dvc_reads_or_is_removed(tmp_path, length):
    path = tmp_path / "dvc.lock"
    path.write_text(LOCK[:length])
    removed = remove_torn_stages(path, steady_s=0.0)
    assert path.exists() is not removed
    if not removed:
        COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(path.read_text()))


def test_most_places_to_cut_leave_a_lock_that_dvc_does_not_read(tmp_path):
    path = tmp_path / "dvc.lock"
    broken = 0
    for length in range(1, 4000, 37):
        path.write_text(LOCK[:length])
        broken += not is_whole(path)
    assert 20 < broken < 108


def test_a_whole_lock_and_none_at_all_stay(tmp_path):
    path = tmp_path / "dvc.lock"
    assert not remove_torn_stages(path)
    path.write_text(LOCK)
    assert not remove_torn_stages(path)
    assert path.read_text() == LOCK


def test_a_lock_that_is_being_written_stays(tmp_path):
    path = tmp_path / "dvc.lock"
    path.write_text(LOCK[:1000])

    def write() -> None:
        for end in (1200, 1400, len(LOCK)):
            time.sleep(0.2)
            path.write_text(LOCK[:end])

    writer = threading.Thread(target=write)
    writer.start()
    assert not remove_torn_stages(path, steady_s=0.6)
    writer.join()
    assert path.read_text() == LOCK
