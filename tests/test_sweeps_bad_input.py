"""What goes wrong around experiments is told with what to do, and leaves no half-written output: edits, names
taken twice, a broken store.

The experiments here differ in what the report draws, so that only its stage is run.
"""

import time
from contextlib import contextmanager

import pytest

from tests.project_copy import run, wait_for_queue

pytestmark = [pytest.mark.slow, pytest.mark.long]


def a_name():
    return f"x{time.time_ns() % 10**9}"


def experiment(finished, how, name, *overrides, check=True):
    """Run or queue one experiment of the smoke preset."""
    settings = [word for override in overrides for word in ("-S", override)]
    return run(
        finished, "dvc", "exp", "run", how, "-n", name, "-S", "preset=smoke", *settings, "report", check=check
    )


@contextmanager
def edited(path, change):
    """A file whose text is changed as long as the block runs."""
    text = path.read_text()
    path.write_text(change(text))
    try:
        yield
    finally:
        path.write_text(text)


def changed_files(finished):
    return run(finished, "git", "status", "--porcelain", "--untracked-files=no").stdout.split()[1::2]


def test_two_sweeps_at_once_share_the_queue(finished):
    first, second = a_name(), a_name()
    experiment(finished, "--queue", first, "report.figure_networks.binary=dl4,dl5")
    run(finished, "dvc", "queue", "start", "-j", "2")
    experiment(finished, "--queue", second, "report.figure_networks.multiclass=dl7")
    run(finished, "dvc", "queue", "start", "-j", "2")
    states = wait_for_queue(finished)
    assert {states[name] for name in (f"{first}-1", f"{first}-2", second)} == {"Success"}
    assert changed_files(finished) == []


def test_a_name_that_is_taken_is_refused_with_the_way_out(finished):
    name = a_name()
    experiment(finished, "--temp", name, "report.figure_networks.binary=dl4")
    again = experiment(finished, "--queue", name, "report.figure_networks.binary=dl5", check=False)
    assert again.returncode != 0
    assert f"conflicts with existing experiment '{name}'" in again.stdout
    assert "dvc exp run -f" in again.stdout


def test_uncommitted_changes_go_along_and_make_apply_does_not_drop_them(finished):
    name = a_name()
    with edited(finished / "conf" / "label" / "default.yaml", lambda text: text + "# an edit\n"):
        experiment(finished, "--temp", name, "report.figure_networks.multiclass=dl7")
        assert changed_files(finished) == ["conf/label/default.yaml"]
        reference = run(finished, "git", "for-each-ref", "--format=%(refname)", "refs/exps").stdout.split()
        (mine,) = [ref for ref in reference if ref.endswith(f"/{name}")]
        assert "# an edit" in run(finished, "git", "show", f"{mine}:conf/label/default.yaml").stdout
        refused = run(finished, "make", "apply", f"EXP={name}", check=False)
        assert refused.returncode != 0
        assert "commit or stash" in refused.stdout
        assert changed_files(finished) == ["conf/label/default.yaml"]
    run(finished, "make", "apply", f"EXP={name}")
    assert "multiclass: 7" in (finished / "params.yaml").read_text()
    run(finished, "git", "checkout", "-q", ".")
    run(finished, "dvc", "checkout", "--force")
    assert changed_files(finished) == []


def test_an_experiment_that_does_not_exist_cannot_be_applied(finished):
    done = run(finished, "make", "apply", "EXP=nosuch", check=False)
    assert done.returncode != 0
    assert "no experiment nosuch" in done.stdout


def test_parameters_edited_by_hand_into_nonsense_are_named_and_what_was_there_comes_back(finished):
    splits = sorted(path.name for path in (finished / "out" / "splits").iterdir())
    with edited(finished / "params.yaml", lambda text: text.replace("folds: 5", "folds: many")):
        done = run(finished, "dvc", "repro", "split", check=False)
        assert done.returncode != 0
        assert "`split.folds` is 'many'; wanted is a whole number" in done.stdout
        assert "Traceback" not in done.stdout
        assert not (finished / "out" / "splits").exists()
    run(finished, "dvc", "checkout", "--force")
    assert sorted(path.name for path in (finished / "out" / "splits").iterdir()) == splits


def test_parameters_that_are_no_yaml_stop_everything_before_it_starts(finished):
    with edited(finished / "params.yaml", lambda text: text + "a: [\n"):
        done = run(finished, "dvc", "repro", check=False)
    assert done.returncode != 0
    assert "unable to read: 'params.yaml'" in done.stdout
    assert (finished / "out" / "report" / "report.md").is_file()


def test_a_broken_store_costs_an_experiment_a_warning_and_files_fill_a_new_one(finished):
    store, kept = finished / "mlflow.db", finished / "mlflow.db.kept"
    store.rename(kept)
    store.write_bytes(b"not a database" * 1000)
    try:
        done = experiment(
            finished,
            "--temp",
            a_name(),
            "baseline.models=[majority]",
            f"baseline.seed={time.time_ns() % 10**6}",
        )
        assert "not published to MLflow" in done.stdout
        assert f"Move {store} away" in done.stdout
        store.unlink()
        assert "new runs in" in run(finished, "python", "-m", "iotids", "publish", "out").stdout
    finally:
        kept.replace(store)
