"""A package behind MLflow's scoring server: rows of features in, verdicts out (`mlflow models serve`,
docs/detector.md).

MLflow imports this file by name and calls `_load_pyfunc`; nothing is unpickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from iotids.detecting.judging.operating_point import probability_of
from iotids.detecting.judging.verdict_words import UNKNOWN, UNKNOWN_CLASS, VERDICTS
from iotids.detecting.judging.verdicts import Judge, package_point
from iotids.detecting.package.inference import Model
from iotids.detecting.package.package import open_package


class ServedDetector:
    """The detector as MLflow calls it."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Verdicts for a data frame with one column per feature, in any order.

        Returns
        -------
        pandas.DataFrame
            verdict, class, attack_probability, novelty, and one column p_<CLASS> per class.
        """
        import pandas as pd

        package = self._judge.package
        X = np.ascontiguousarray(model_input[list(package.features)].to_numpy(np.float64))
        decisions = self._judge.decide(X)
        names = np.array([*package.classes, UNKNOWN_CLASS])
        shown = np.where(decisions.code == UNKNOWN, len(package.classes), decisions.likeliest)
        columns = {
            "verdict": np.array(VERDICTS)[decisions.code],
            "class": names[shown],
            "attack_probability": probability_of(decisions.log_odds),
            "novelty": decisions.familiarity.astype(np.float64),
        }
        return pd.DataFrame(
            columns | {f"p_{name}": decisions.shares[:, c] for c, name in enumerate(package.classes)}
        )


def _load_pyfunc(data_path: str) -> ServedDetector:
    """Open the package that lies at the given path."""
    package = open_package(Path(data_path))
    return ServedDetector(Judge(package, Model(package), package_point(package)))
