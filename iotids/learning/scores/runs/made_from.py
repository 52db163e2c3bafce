"""made_from.json: which data and settings the scored runs come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from iotids.flowmeter.columns.groups import split_groups

SECTIONS = ("meter", "label", "integrate", "split")  # whatever makes flows, labels, dataset and folds
DATA = ("name", "classes", "benign")


def made_from(
    params: Mapping[str, Any], labels: pa.ChunkedArray, sha256: str, own: Sequence[str] = ()
) -> dict[str, Any]:
    """Settings before the models, and the dataset: name, digest of flows.parquet, flows per class, features.

    Parameters
    ----------
    params : content of params.yaml
    labels : of every flow
    own : features that the dataset has instead of those of a flow
    """
    counts = {one["values"]: one["counts"] for one in labels.value_counts().to_pylist()}
    kept = {"data": {key: params["data"][key] for key in DATA}} | {key: params[key] for key in SECTIONS}
    return {
        "params": kept,
        "dataset": {
            "name": params["data"]["name"],
            "sha256": sha256,
            "flows": len(labels),
            "flows_per_class": {name: counts.get(name, 0) for name in params["data"]["classes"]},
            "features": list(own or split_groups(params["integrate"]["features"])[0]),
        },
    }
