"""What runs on a Dask cluster gives the bytes that one machine gives, and a wrong cluster is refused."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from iotids.plumbing.parallel import code_digest, parallel_map
from tests.scaling.cluster import ROOT, dask_cluster
from tests.scaling.forest_job import predictions_bytes, where_it_runs

pytest.importorskip("distributed", reason="Dask is not installed (extra `dask`)")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with dask_cluster(tmp_path_factory.mktemp("cluster")) as address:
        yield address


@pytest.fixture
def on_dask(cluster, monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster)


@pytest.mark.slow
def test_a_baseline_has_the_same_predictions_on_two_workers_as_on_one_machine(cluster, monkeypatch, tmp_path):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    here = predictions_bytes(tmp_path / "here.parquet")
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster)
    there = predictions_bytes(tmp_path / "there.parquet")
    assert len(here) > 1000
    assert hashlib.sha256(there).hexdigest() == hashlib.sha256(here).hexdigest()


@pytest.mark.slow
def test_work_is_done_by_both_workers_and_not_by_the_caller(on_dask):
    processes = {process for process, _ in parallel_map(where_it_runs, range(16))}
    assert len(processes) == 2
    assert os.getpid() not in processes


@pytest.mark.slow
def test_results_come_in_the_order_of_the_items(on_dask):
    assert [item for _, item in parallel_map(where_it_runs, range(16))] == list(range(16))


@pytest.mark.slow
def test_relative_paths_mean_the_callers_folder_on_a_worker(on_dask, monkeypatch, tmp_path):
    (tmp_path / "there.txt").write_text("found")
    monkeypatch.chdir(tmp_path)
    assert parallel_map(Path.read_text, [Path("there.txt")] * 2) == ["found"] * 2


@pytest.mark.slow
def test_workers_with_other_code_are_refused(monkeypatch, tmp_path):
    for folder in ("stages", "iotids"):
        shutil.copytree(
            ROOT / folder, tmp_path / "other" / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    with (tmp_path / "other" / "stages" / "meter.py").open("a") as file:
        file.write("\n# another version\n")
    with dask_cluster(tmp_path, n_workers=1, code=tmp_path / "other") as address:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
        with pytest.raises(ConnectionError, match="1 of 1 Dask workers run other code"):
            parallel_map(where_it_runs, range(2))


@pytest.mark.slow
def test_a_scheduler_that_does_not_see_the_code_is_refused_instead_of_waited_for(monkeypatch, tmp_path):
    with dask_cluster(tmp_path, n_workers=0, code=tmp_path / "elsewhere") as address:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
        with pytest.raises(ConnectionError, match="scheduler at .* does not see this project's code"):
            parallel_map(where_it_runs, range(2))


@pytest.mark.slow
def test_a_scheduler_without_workers_is_named(monkeypatch, tmp_path):
    with dask_cluster(tmp_path, n_workers=0) as address:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
        with pytest.raises(ConnectionError, match="no workers"):
            parallel_map(where_it_runs, range(2))


@pytest.mark.slow
def test_an_address_without_a_scheduler_says_what_to_start(monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:9")
    with pytest.raises(ConnectionError, match="PYTHONPATH=. dask scheduler"):
        parallel_map(where_it_runs, range(2))


def test_without_an_address_the_work_is_done_here_in_order(monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    assert parallel_map(abs, [-3, -1, -2]) == [3, 1, 2]


def test_the_code_digest_sees_every_file_of_the_stages(tmp_path):
    assert code_digest() == code_digest()
    assert len(code_digest()) == 16
