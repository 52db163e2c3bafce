"""A published table is learned from by its own features; what wants packets, a context or columns of a flow says so."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from iotids.flowmeter.columns.own import own_features
from iotids.learning.data.training_data import read_training_data, seen_features
from iotids.learning.registry import KINDS
from iotids.learning.splits.flows import flows_from_table
from iotids.truth.integrating.dataset import integrate, kept_columns
from iotids.truth.integrating.labelled_tables import table_in_memory
from iotids.truth.published.import_release import import_release
from iotids.truth.published.registry import RELEASES
from tests.truth.published_rows import made_up_file

CLASSES = RELEASES["nsl_kdd"].class_names


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Made-up NSL-KDD, labelled."""
    folder = tmp_path_factory.mktemp("nsl")
    path = made_up_file(folder, "nsl_kdd", "KDDTrain+.txt", 160)
    import_release([path], "nsl_kdd", "train", folder / "nsl.parquet", {})
    return pq.read_table(folder / "nsl.parquet")


@pytest.fixture(scope="module")
def dataset(labelled):
    """The dataset of it."""
    parts = []
    tables = [table_in_memory("nsl", labelled)]
    integrate(tables, parts.append, CLASSES, keep={}, seed=7, features=["own"])
    return parts[0]


def read(dataset, name):
    own = own_features(dataset.column_names)
    return read_training_data(dataset.select, KINDS[name], "multiclass", CLASSES, "BENIGN", own)


def test_the_dataset_has_the_features_of_the_release(dataset):
    assert own_features(dataset.column_names) == RELEASES["nsl_kdd"].features
    blocks = flows_from_table(dataset, benign="BENIGN").blocks()
    assert [block.shape for block in blocks] == [(160, 123)]


@pytest.mark.parametrize(
    "name", ["random_forest", "fog", "conditional_vae", "tap_delay", "alert_net", "boosted_vote"]
)
def test_a_kind_that_sees_features_is_given_the_table_s_own(dataset, name):
    data = read(dataset, name)
    assert data.feature_names == RELEASES["nsl_kdd"].features
    assert data.features.shape == (160, 123)


def test_a_kind_learns_from_them(dataset):
    kind, data = KINDS["random_forest"], read(dataset, "random_forest")
    model = kind.fit(data, kind.settings({"n_estimators": 10}), seed=1)
    assert (model.scores(data.features).argmax(axis=1) == data.truth).mean() > 0.9


def test_chosen_features_are_named_by_the_table(dataset):
    kind, data = KINDS["fewer_features"], read(dataset, "fewer_features")
    model = kind.fit(data, kind.settings({"n_features": 3, "method": "anova_f"}), seed=1)
    assert set(model.facts()["chosen_features"]) <= set(RELEASES["nsl_kdd"].features)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("kitsune", "certain features"), ("hybrid", "context"), ("packet_network", "sequence_bytes")],
)
def test_a_kind_that_wants_more_says_so(dataset, name, wanted):
    with pytest.raises(ValueError, match=f"kind {name} sees .*{wanted}.* with features of its own"):
        read(dataset, name)


def test_an_oracle_sees_the_source_alone(dataset):
    assert seen_features(KINDS["dataset_oracle"], ("a",)) == ("source",)


def test_own_and_flow_tables_do_not_mix(labelled):
    nsl = table_in_memory("nsl", labelled)
    other = table_in_memory("other", labelled.drop_columns(["src_bytes"]))
    for groups, tables, said in (
        (["flow"], [nsl], "nsl: a table with features of its own"),
        (["own", "flow"], [nsl], "own goes alone"),
        (["own"], [nsl, other], "other: other features than nsl"),
    ):
        with pytest.raises(ValueError, match=said):
            kept_columns(groups, tables)
