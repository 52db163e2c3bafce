"""Labels dealt out at random leave nothing to learn: whatever the split lets through to the test rows would
show here.
"""

import numpy as np
import pyarrow as pa
import pytest

from iotids.learning.baselines.fits import fit_and_test
from iotids.learning.baselines.problem import jobs_of, read_problem
from iotids.learning.baselines.registry import MODELS
from iotids.learning.data.flow_columns import flows_from_table
from iotids.learning.splits.folds import split_table
from iotids.learning.splits.makers import make_split
from tests.learning.generated_flows import CLASSES, dataset_table

PROTOCOLS = ("stratified", "dedup", "dup_grouped", "grouped", "temporal", "environment", "attack")
QUICK = {
    "random_forest": {"n_estimators": 12},
    "extra_trees": {"n_estimators": 12},
    "hist_gradient_boosting": {"max_iter": 8},
}
MARGIN = 0.1  # five standard deviations of the area under the ROC curve over some 800 tested flows


@pytest.fixture(scope="module")
def shuffled():
    """A dataset whose labels are shuffled over all flows, and every split of it."""
    table = dataset_table(counts=dict.fromkeys(CLASSES, 160) | {"BENIGN": 400}, seed=4)
    labels = np.random.default_rng(8).permutation(table["label"].to_numpy())
    table = table.set_column(table.column_names.index("label"), "label", pa.array(labels.tolist()))
    flows = flows_from_table(table, benign="BENIGN")
    settings = {"n_folds": 3, "seed": 7, "embargo_s": 0.0, "attack_column": "label"}
    return table, {protocol: split_table(make_split(protocol, flows, **settings)) for protocol in PROTOCOLS}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("model", MODELS)
def test_shuffled_labels_score_like_chance_for_every_model_and_split(shuffled, model, protocol):
    table, splits = shuffled
    problem = read_problem(table, model, "binary", CLASSES, "BENIGN", {model: QUICK.get(model, {})})
    results = [
        fit_and_test(problem, job)
        for job in jobs_of({protocol: splits[protocol]}, "binary", seed=1, n_orders=1)
    ]
    areas = [result.record["metrics"]["detection_roc_auc"] for result in results]
    assert len(areas) >= 2 and abs(np.mean(areas) - 0.5) < MARGIN


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_shuffled_labels_score_like_chance_for_a_network_and_every_split(
    shuffled, protocol, trainer, tmp_path
):
    from iotids.learning.networks.dense.inputs import Fold
    from iotids.learning.splits.folds import fold_rows
    from iotids.plumbing.unfinished import Unfinished

    folds = [Fold(*fold) for fold in fold_rows(shuffled[1][protocol])]
    run = trainer.run(protocol, folds, Unfinished(tmp_path / "run", "1"))
    areas = [result.record["metrics"]["detection_roc_auc"] for result in run.results]
    assert len(areas) >= 2 and abs(np.mean(areas) - 0.5) < MARGIN


@pytest.fixture(scope="module")
def trainer(shuffled):
    """One network for all splits: it compiles once for each number of folds."""
    from types import SimpleNamespace

    from iotids.learning.networks.dense.trainer import NetworkTrainer

    settings = SimpleNamespace(
        width=16,
        batch_size=64,
        epochs=3,
        learning_rate=0.1,
        momentum=0.09,
        decay=1e-6,
        nesterov=True,
        dropout=0.2,
        patience=0,
        seed=3,
    )
    problem = read_problem(shuffled[0], "majority", "binary", CLASSES, "BENIGN", {})
    return NetworkTrainer(
        problem.X.astype(np.float32), problem.y, problem.classes, depth=2, settings=settings, benign="BENIGN"
    )
