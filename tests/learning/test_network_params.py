"""Network parameters that cannot work are refused by name before anything is read."""

from pathlib import Path

import pytest
import yaml

from iotids.plumbing.params import read_section
from stages.network import Params

NETWORK = yaml.safe_load((Path(__file__).resolve().parents[2] / "params.yaml").read_text())["network"]


@pytest.mark.parametrize("key", ["width", "batch_size", "epochs", "learning_rate"])
def test_a_value_of_zero_is_refused_by_name(tmp_path, key):
    section = {**NETWORK, key: 0}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"network": section}))
    with pytest.raises(ValueError, match=f"network.{key} is 0"):
        read_section("network", Params, tmp_path / "params.yaml")


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_a_dropout_that_is_no_share_is_refused(tmp_path, dropout):
    section = {**NETWORK, "dropout": dropout}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"network": section}))
    with pytest.raises(ValueError, match="network.dropout"):
        read_section("network", Params, tmp_path / "params.yaml")
