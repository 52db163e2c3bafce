"""Labels dealt out at random leave nothing to learn: whatever the split lets through to the test rows would
show here.
"""

import numpy as np
import pyarrow as pa
import pytest

from iotids.flowmeter.columns.context import CONTEXT_NAMES
from iotids.learning.baselines.registry import BASELINES
from iotids.learning.contract import RunContext
from iotids.learning.data.folds import fold_rows
from iotids.learning.data.training_data import read_training_data
from iotids.learning.scores.ranking import area_under_roc, detection_curve
from iotids.learning.splits.flows import flows_from_table
from iotids.learning.splits.folds import split_table
from iotids.learning.splits.makers import make_split
from tests.learning.generated_flows import CLASSES, dataset_table
from tests.learning.given import Memory

SPLITS = ("stratified", "dedup", "dup_grouped", "grouped", "temporal", "environment", "attack")
QUICK = {
    "random_forest": {"n_estimators": 12},
    "extra_trees": {"n_estimators": 12},
    "hist_gradient_boosting": {"max_iter": 8},
    "site_trees": {"n_estimators": 30},
    "site_forests": {"n_estimators": 16},
}
MARGIN = 0.1  # five standard deviations of the area under the ROC curve over some 800 tested flows


@pytest.fixture(scope="module")
def shuffled():
    """A dataset whose labels are shuffled over all flows, and every split of it."""
    table = dataset_table(counts=dict.fromkeys(CLASSES, 160) | {"BENIGN": 400}, seed=4)
    labels = np.random.default_rng(8).permutation(table["label"].to_numpy())
    table = table.set_column(table.column_names.index("label"), "label", pa.array(labels.tolist()))
    table = with_columns_of_context(table, seed=9)
    flows = flows_from_table(table, benign="BENIGN")
    settings = {"n_folds": 3, "seed": 7, "embargo_s": 0.0, "attack_column": "label"}
    return table, {split: split_table(make_split(split, flows, **settings)) for split in SPLITS}


def with_columns_of_context(table, *, seed):
    """Context that says as little of the labels as the features do."""
    rng = np.random.default_rng(seed)
    for name in CONTEXT_NAMES:
        table = table.append_column(name, pa.array(rng.exponential(10.0, table.num_rows)))
    return table


def detection_area(results):
    """Mean area under the ROC curve of 1 - the benign score, over folds."""
    areas = [
        area_under_roc(detection_curve(result.truth > 0, 1.0 - result.scores[:, 0])) for result in results
    ]
    assert len(areas) >= 2
    return np.mean(areas)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", BASELINES)
def test_shuffled_labels_score_like_chance_for_every_model_and_split(shuffled, name, split):
    table, splits = shuffled
    kind = BASELINES[name]
    data = read_training_data(table.select, kind, "binary", CLASSES, "BENIGN")
    folds, settings = {split: list(fold_rows(splits[split]))}, kind.settings(QUICK.get(name, {}))
    run = kind.fit_folds(data, folds, settings, seed=1, orders=1, context=RunContext(Memory()))
    assert abs(detection_area(run.results) - 0.5) < MARGIN


@pytest.mark.parametrize("split", SPLITS)
def test_shuffled_labels_score_like_chance_for_a_network_and_every_split(shuffled, split, trainer):
    run = trainer.run({split: list(fold_rows(shuffled[1][split]))}, Memory())[split]
    assert abs(detection_area(run.results) - 0.5) < MARGIN


@pytest.fixture(scope="module")
def trainer(shuffled):
    """One network for all splits: it compiles once for each number of folds."""
    from iotids.learning.networks.dense.kind import DenseKind, DenseSettings
    from iotids.learning.networks.dense.trainer import DenseTrainer

    data = read_training_data(shuffled[0].select, DenseKind(), "binary", CLASSES, "BENIGN")
    return DenseTrainer(data, DenseSettings(depth=2, width=16, batch_size=64, epochs=3), seed=3)
