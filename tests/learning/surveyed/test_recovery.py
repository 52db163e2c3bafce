"""`iotids recover`: masks are what they are called, a feature that follows from others is recovered better than by the median."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from iotids.commands.recover import main
from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES
from iotids.learning.networks.layers.scaling import fit_scaling
from iotids.learning.transfer.recovery import GROUPS, MASKS, compare_recovery, fillers, missing_features
from tests.learning.generated_flows import dataset_table
from tests.learning.given import training_data

QUICK = {"width": 32, "before_label": 32, "latent": 6, "epochs": 40, "batch_size": 64, "optimiser": "adam"}


@pytest.mark.parametrize("mask", MASKS)
def test_every_mask_leaves_something_of_every_flow(mask):
    missing = missing_features(mask, MODEL_FEATURE_NAMES, 500, np.random.default_rng(0))
    assert missing.shape == (500, 70) and missing.any() and not missing.all(axis=1).any()
    if mask == "one":
        assert (missing.sum(axis=1) == 1).all()
    if mask in GROUPS:
        names = [name for name, gone in zip(MODEL_FEATURE_NAMES, missing[0], strict=True) if gone]
        assert all(any(part in name for part in GROUPS[mask]) for name in names)


def test_a_mask_that_leaves_nothing_is_refused_by_name():
    with pytest.raises(ValueError, match="mask 'times' leaves none of the 2 features"):
        missing_features("times", ("a_us", "b_per_s"), 3, np.random.default_rng(0))
    with pytest.raises(ValueError, match="mask 'ears'; known are one, some"):
        missing_features("ears", MODEL_FEATURE_NAMES, 3, np.random.default_rng(0))


def dependent(n, seed):
    """Eight features of two hidden numbers and the class."""
    rng = np.random.default_rng(seed)
    y, hidden = rng.integers(0, 2, n), rng.normal(size=(n, 2))
    angles = np.arange(8) * np.pi / 4
    X = 3 + hidden @ np.vstack([np.cos(angles), np.sin(angles)]) + 2.0 * y[:, None]
    return training_data(X, y, n_classes=2)


def test_methods_that_look_at_other_features_beat_the_median_in_error_and_in_what_is_scored_then():
    found = compare_recovery(
        dependent(1200, 1),
        dependent(400, 2),
        names=tuple(f"f{i}" for i in range(8)),
        masks=("one", "half"),
        classifier="decision_tree",
        settings=QUICK | {"learning_rate": 0.003},
        seed=0,
    )
    error = {(one.mask, one.method): one.error for one in found}
    scored = {(one.mask, one.method): one.macro_f for one in found}
    assert found[0].method == "nothing" and found[0].macro_f > 0.75
    for method in ("ID-CVAE", "5 nearest", "iterative"):
        assert error["one", method] < 0.8 * error["one", "median"]
        assert error["one", method] < error["half", method]
        assert scored["one", method] <= found[0].macro_f + 0.05
    assert scored["half", "median"] < found[0].macro_f - 0.05


def test_what_is_filled_in_stays_in_the_range_of_training():
    """The last feature is a power of the others, so a line through logarithms leads far out where these are large."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.lognormal(3, 1, 300), rng.lognormal(3, 1, 300), np.full(300, 7.0)])
    X[:, 1] = X[:, 0] ** 6
    train = training_data(X, rng.integers(0, 2, 300), n_classes=2)
    far = np.array([[1e7, 0.0, 7.0], [0.0, 0.0, 7.0]])
    missing = np.array([[False, True, True], [False, True, True]])
    for fill in fillers(train, fit_scaling("log", X), QUICK | {"epochs": 1}, seed=0).values():
        filled = fill(far, missing)
        assert (filled[:, 0] == far[:, 0]).all()
        assert (filled[:, 1] <= X[:, 1].max() * 1.01).all() and np.isfinite(filled).all()


def test_the_command_prints_a_row_for_every_method(tmp_path, monkeypatch, capsys):
    flows = dataset_table(counts={"BENIGN": 150, "DOS": 80, "MIRAI": 80, "MITM": 40, "SCANNING": 80})
    pq.write_table(flows, tmp_path / "flows.parquet")
    pq.write_table(split_of(flows.num_rows), tmp_path / "stratified.parquet")
    words = f"recover --dataset {tmp_path}/flows.parquet --split {tmp_path}/stratified.parquet"
    words += " --mask one --rows 200 --epochs 2 --width 16 --classifier decision_tree"
    monkeypatch.setattr("sys.argv", words.split())
    main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[1] for line in lines[2:]] == [
        "nothing",
        "ID-CVAE",
        "median",
        "5 nearest",
        "iterative",
    ]
    monkeypatch.setattr("sys.argv", [*words.split(), "--fold", "9"])
    with pytest.raises(ValueError, match="no fold 9"):
        main()


def split_of(n):
    """Two folds in turn, as the stage writes them."""
    test_fold = np.arange(n) % 2
    train_folds = np.where(test_fold == 0, 2, 1).astype(np.uint64)
    return pa.table({"row": np.arange(n), "test_fold": test_fold, "train_folds": train_folds})


@pytest.mark.parametrize("option, given", [("rows", "0"), ("epochs", "-1"), ("width", "0"), ("seed", "-1")])
def test_the_command_refuses_numbers_too_small_by_name_before_it_reads(option, given, monkeypatch):
    monkeypatch.setattr("sys.argv", ["recover", f"--{option}", given])
    with pytest.raises(ValueError, match=f"--{option} is {given}; wanted is [01] or more"):
        main()
