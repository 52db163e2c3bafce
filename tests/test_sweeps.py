"""Sweeps as people run them: two workers, one store, and failures that stay where they are."""

import csv
import io
import re
import time

import pytest
import yaml

from tests.doc_commands import commands
from tests.pages.browser import browser_page, needs_chromium, pictures
from tests.pages.mlflow_pages import mlflow_ui, open_comparison, open_run_table
from tests.project_copy import ROOT, queue_states, run, wait_for_queue

pytestmark = [pytest.mark.slow, pytest.mark.long]
DEPTHS, TASKS, N_FOLDS = (4, 5, 6, 7), ("binary", "multiclass"), 5
MOST_COLUMNS = 25  # of `dvc exp show --only-changed`: what fits on a wide terminal


@pytest.fixture(scope="module")
def sweep(finished):
    """Four depths with two workers; a new seed, so that nothing comes out of the run cache. Gives its name
    and the seconds it took.
    """
    name, seed = f"depth{time.time_ns() % 10**8}", str(time.time_ns() % 10**6)
    start = time.monotonic()
    run(
        finished,
        "dvc",
        "exp",
        "run",
        "--queue",
        "-n",
        name,
        "-S",
        "preset=smoke",
        "-S",
        f"network.seed={seed}",
        "-S",
        "baseline.models=[naive_bayes]",
        "-S",
        "network.models=" + ",".join(f"[dl{depth}]" for depth in DEPTHS),
        "report",
    )
    run(finished, "dvc", "queue", "start", "-j", "2")
    states = wait_for_queue(finished)
    return (
        name,
        time.monotonic() - start,
        {key: state for key, state in states.items() if key.startswith(name)},
    )


def published(folder, level, experiment):
    """Runs of one experiment in the one store of the workspace."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    found = client.search_runs(
        ["1"], f"tags.level = '{level}' and tags.`dvc.exp` LIKE '%{experiment}%'", max_results=1000
    )
    return list(found)


def test_the_makefile_sweeps_the_depths_of_this_test():
    assert (
        "-S preset=smoke -S 'baseline.models=[naive_bayes]' -S 'network.models=[dl4],[dl5],[dl6],[dl7]' report"
        in (ROOT / "Makefile").read_text()
    )


def test_four_depths_with_two_workers_all_succeed(sweep, record_property):
    name, seconds, states = sweep
    record_property("seconds", seconds)
    print(f"sweep of four depths: {seconds:.0f} s")
    assert states == {f"{name}-{number}": "Success" for number in range(1, 5)}


def test_every_parent_and_fold_of_the_sweep_is_in_one_store(finished, sweep):
    name, _, _ = sweep
    parents, folds = (
        [run for run in published(finished, level, name) if "network.depth" in run.data.params]
        for level in ("cv", "fold")
    )
    splits = {run.data.tags["split"] for run in parents}
    found = sorted(
        (run.data.params["task"], int(run.data.params["network.depth"]), run.data.tags["split"])
        for run in parents
    )
    assert found == sorted((task, depth, split) for task in TASKS for depth in DEPTHS for split in splits)
    assert splits >= {"stratified", "grouped"}
    assert len(folds) == len(parents) * N_FOLDS
    assert {run.info.status for run in parents + folds} == {"FINISHED"}


@needs_chromium
def test_mlflow_shows_the_finished_sweep_in_a_browser(finished, sweep, tmp_path):
    name, _, _ = sweep
    shown = {"task": "multiclass", "split": "grouped"}  # what the page opens with
    names = {
        run.info.run_name for run in published(finished, "cv", name) if shown.items() <= run.data.tags.items()
    }
    with (
        mlflow_ui(f"sqlite:///{finished / 'mlflow.db'}", tmp_path / "ui.log") as base,
        browser_page(1500, 1000) as page,
    ):
        open_run_table(page, base, set(sorted(names)[:4]), only_these=False)
        page.screenshot(pictures() / "mlflow-table.png")
        open_comparison(page, base, set(sorted(names)[:4]))
        page.screenshot(pictures() / "mlflow-charts.png")


def test_the_sweep_leaves_the_workspace_as_it_was(finished, sweep):
    assert run(finished, "git", "status", "--porcelain", "--untracked-files=no").stdout == ""


def test_exp_show_has_few_columns_and_short_names(finished, sweep):
    (drop,) = [words[-1] for _, words in commands() if words[:3] == ["dvc", "exp", "show"]]
    table = run(finished, "dvc", "exp", "show", "--only-changed", "--csv", "--drop", drop).stdout
    header = next(csv.reader(io.StringIO(table)))
    assert len(header) <= MOST_COLUMNS, header
    assert max(map(len, header)) <= len("multiclass.grouped.best_baseline.f1_macro"), header


def test_differences_of_metrics_parameters_and_plots_are_shown(finished, sweep):
    name = sweep[0]
    assert "network.models" in run(finished, "dvc", "params", "diff", f"{name}-1", f"{name}-2", "--md").stdout
    assert re.search(r"acc", run(finished, "dvc", "metrics", "diff", f"{name}-1", f"{name}-2", "--md").stdout)
    run(finished, "dvc", "plots", "diff", f"{name}-1", f"{name}-2")
    assert (finished / "dvc_plots" / "index.html").stat().st_size > 10_000


def test_applying_an_experiment_brings_its_parameters_and_scores(finished, sweep):
    name = f"{sweep[0]}-2"
    said = run(finished, "make", "apply", f"EXP={name}").stdout
    assert "but what the experiment did not run" in said  # it ended at the report, detectors were not packed
    assert "ERROR" not in said and "WARNING" not in said
    assert yaml.safe_load((finished / "params.yaml").read_text())["network"]["models"] == ["dl5"]
    assert "dl5" in (finished / "out" / "report" / "table3.csv").read_text().lower()
    run(finished, "git", "checkout", "-q", ".")
    run(finished, "dvc", "checkout", "--force")


def test_a_failed_experiment_leaves_the_rest_running_and_the_workspace_clean(finished, sweep):
    name = f"bad{time.time_ns() % 10**8}"
    run(
        finished,
        "dvc",
        "exp",
        "run",
        "--queue",
        "-n",
        name,
        "-S",
        "preset=smoke",
        "-S",
        "network.models=[dl4]",
        "-S",
        "network.width=0,8",
        "report",
    )
    run(finished, "dvc", "queue", "start", "-j", "2")
    states = wait_for_queue(finished)
    assert (states[f"{name}-1"], states[f"{name}-2"]) == ("Failed", "Success")
    assert "network.width" in run(finished, "dvc", "queue", "logs", f"{name}-1").stdout
    assert run(finished, "git", "status", "--porcelain", "--untracked-files=no").stdout == ""


@pytest.mark.parametrize("command", ["kill NAME", "stop --kill"])
def test_a_killed_experiment_leaves_no_trace_in_the_workspace(finished, command):
    name = f"kill{time.time_ns() % 10**8}"
    run(
        finished,
        "dvc",
        "exp",
        "run",
        "--queue",
        "-n",
        name,
        "-S",
        "preset=smoke",
        "-S",
        f"network.seed={time.time_ns() % 10**6}",
        "report",
    )
    run(finished, "dvc", "queue", "start")
    end = time.monotonic() + 120
    while queue_states(finished)[name] != "Running":
        assert time.monotonic() < end
        time.sleep(1)
    run(finished, "dvc", "queue", *command.replace("NAME", name).split())
    assert wait_for_queue(finished)[name] == "Failed"
    assert run(finished, "git", "status", "--porcelain", "--untracked-files=no").stdout == ""


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("network.widht=5", "network.widht"),
        ("data=nosuch", "sample"),
        ("nogroup=x", "nogroup"),
        ("network.width=interval(1,5)", "INTERVAL_SWEEP"),
    ],
)
def test_a_wrong_override_is_refused_by_name_and_queues_nothing(finished, override, said):
    before = queue_states(finished)
    done = run(finished, "dvc", "exp", "run", "--queue", "-S", override, check=False)
    assert done.returncode != 0
    assert said in done.stdout
    assert queue_states(finished) == before


@pytest.fixture(scope="module")
def four_ways(finished, tmp_path_factory):
    """The baselines with a new seed each time: in the workspace, with --temp, from the queue, by repro, and
    on a Dask cluster.
    """
    from tests.scaling.cluster import dask_cluster

    start = time.time_ns() % 10**6
    few = "baseline.models=[naive_bayes,majority]"
    change = ["-S", "preset=smoke", "-S", few, "-S"]
    run(finished, "dvc", "exp", "run", "-n", f"ws{start}", *change, f"baseline.seed={start}", "report")
    run(finished, "git", "checkout", "-q", ".")
    run(
        finished,
        "dvc",
        "exp",
        "run",
        "--temp",
        "-n",
        f"temp{start}",
        *change,
        f"baseline.seed={start + 1}",
        "report",
    )
    run(
        finished,
        "dvc",
        "exp",
        "run",
        "--queue",
        "-n",
        f"queue{start}",
        *change,
        f"baseline.seed={start + 2},{start + 3}",
        "report",
    )
    run(finished, "dvc", "queue", "start", "-j", "2")
    wait_for_queue(finished)
    run(finished, "python", "-m", "iotids", "params", "preset=smoke", few, f"baseline.seed={start + 4}")
    run(finished, "dvc", "repro", "report")
    with dask_cluster(tmp_path_factory.mktemp("cluster"), code=finished) as address:
        run(
            finished,
            "env",
            f"DASK_SCHEDULER_ADDRESS={address}",
            "dvc",
            "exp",
            "run",
            "--temp",
            "-n",
            f"dask{start}",
            *change,
            f"baseline.seed={start + 5}",
            "report",
        )
    run(finished, "git", "checkout", "-q", ".")
    run(finished, "dvc", "checkout", "--force")
    return start


def test_runs_of_every_way_to_start_them_are_in_one_store(finished, four_ways):
    seeds = {
        str(four_ways + number): name
        for number, name in enumerate(["ws", "temp", "queue", "queue", "workspace", "dask"])
    }
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{finished / 'mlflow.db'}")
    found = [
        run
        for run in client.search_runs(["1"], "tags.level = 'cv'", max_results=1000)
        if run.data.params.get("baseline.seed") in seeds
    ]
    models = {(run.data.params["task"], run.data.params["model"]) for run in found}
    by_seed = {
        seed: {
            (r.data.params["task"], r.data.params["model"])
            for r in found
            if r.data.params["baseline.seed"] == seed
        }
        for seed in seeds
    }
    assert len(models) >= 4
    assert by_seed == dict.fromkeys(seeds, models)
    assert all(run.data.tags["dvc.exp"].startswith(seeds[run.data.params["baseline.seed"]]) for run in found)
