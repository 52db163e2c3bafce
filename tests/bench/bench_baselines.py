"""Rows per second of the baselines that have to bear the paper's full size, and of the scores.

    python -m tests.bench.bench_baselines [--rows 200000]

Generated flows, one core, compilation not counted. Rates on a machine with other work are ratios, not speeds.
The last column is what these rates mean for the paper's flows under one split: both tasks, five
folds, and every order of the rows where the model depends on it.
"""

import argparse
from collections.abc import Callable
from time import process_time

import numpy as np

from iotids.learning.baselines.registry import BASELINES
from iotids.learning.scores.scores import score_predictions
from iotids.plumbing.params import read_section
from stages.baseline import Params
from tests.learning.generated_flows import CLASSES, flow_like_features
from tests.learning.given import training_data

SLOW_SHARE = {"hoeffding_tree": 0.1}  # of the rows; River learns row by row in Python
PAPER_ROWS, FOLDS = 1_805_053, 5


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of a call."""
    begin = process_time()
    work()
    return process_time() - begin


def main() -> None:
    """Print a table of learning and prediction rates, and the time of scoring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    rows = parser.parse_args().rows
    params = read_section("baseline", Params)
    y = np.random.default_rng(0).choice(5, rows, p=[0.24, 0.01, 0.31, 0.01, 0.43])
    X = flow_like_features(y, seed=1)
    print(f"{rows} rows, {X.shape[1]} features, 5 classes; rows per CPU second")
    print("| model | learn | predict | the paper's flows, h |\n|---|---:|---:|---:|")
    for name in ("vfdt", "hoeffding_tree", "naive_bayes", "gaussian_nb"):
        n, kind = int(rows * SLOW_SHARE.get(name, 1.0)), BASELINES[name]
        settings, data = kind.settings({}), training_data(X[:n], y[:n], n_classes=5)
        kind.fit(data.take(np.arange(500)), settings, seed=0).scores(X[:10])  # compiles
        learn = seconds(lambda kind=kind, data=data, settings=settings: kind.fit(data, settings, seed=0))
        model = kind.fit(data, settings, seed=0)
        predict = seconds(lambda model=model: model.scores(X))
        fits = len(params.tasks) * FOLDS * (params.order_seeds if kind.by_order else 1)
        hours = fits * PAPER_ROWS * (learn / n * (FOLDS - 1) / FOLDS + predict / rows / FOLDS) / 3600
        print(f"| {name} | {n / learn:,.0f} | {rows / predict:,.0f} | {hours:.2f} |", flush=True)
    scores = np.random.default_rng(0).dirichlet(np.ones(5), rows).astype(np.float32)
    print(f"scores of {rows} rows: {seconds(lambda: score_predictions(y, scores, CLASSES)):.2f} s")


if __name__ == "__main__":
    main()
