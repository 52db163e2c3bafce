"""Generated datasets for the tests of learning: a dataset table like integrate's, and problems with a known
Bayes rate.
"""

import numpy as np
import pyarrow as pa
from scipy.special import ndtr

from iotids.flowmeter.columns.schema import IDENTITY, MODEL_FEATURE_NAMES, TRUTH, arrow_schema

CLASSES = ("BENIGN", "DOS", "MIRAI", "MITM", "SCANNING")


def gaussian_problem(*, n, seed, n_features=6, distance=2.0, attack_share=0.5):
    """Two classes, unit normals in every feature, centres `distance` apart along the first: X, y and the
    Bayes accuracy.

    With equal shares the Bayes rule cuts half-way, so its accuracy is Phi(distance / 2).
    """
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < attack_share).astype(np.int64)
    X = rng.standard_normal((n, n_features))
    X[:, 0] += distance * y
    return X, y, float(ndtr(distance / 2))


def flow_like_features(class_number, *, seed, separation=1.5):
    """(n, 70) skewed, µs-scaled, partly discrete and duplicated columns, as flow features are; some constant."""
    rng = np.random.default_rng(seed)
    n, d = class_number.size, len(MODEL_FEATURE_NAMES)
    centre = np.random.default_rng(11).standard_normal((class_number.max(initial=0) + 1, d))
    X = rng.standard_normal((n, d)) + separation * 0.3 * centre[class_number]
    X[:, :20] = np.round(np.exp(2.0 * X[:, :20] + 8.0))
    X[:, 20:40] = np.maximum(np.round(X[:, 20:40]), 0.0)
    X[:, 68:] = 0.0
    return X


def dataset_table(*, counts, seed=0, groups_per_class=6, sources=None, copies=0.2):
    """A table like out/dataset/flows.parquet with `counts` flows per class; a share `copies` repeats another
    flow of its class.
    """
    rng = np.random.default_rng(seed)
    names = list(counts)
    y = np.repeat(np.arange(len(names)), list(counts.values()))
    y = y[rng.permutation(y.size)]
    X = flow_like_features(y, seed=seed)
    for c in range(len(names)):
        rows = np.flatnonzero(y == c)
        n_copies = int(copies * rows.size)
        X[rows[:n_copies]] = (
            X[rng.choice(rows[n_copies:], n_copies)] if rows.size > n_copies else X[rows[:n_copies]]
        )
    n_groups = {
        name: groups_per_class if isinstance(groups_per_class, int) else groups_per_class[name]
        for name in names
    }
    group = np.array([f"{names[c].lower()}-{rng.integers(n_groups[names[c]])}" for c in y])
    start_us = 1_575_000_000_000_000 + rng.integers(0, 600_000_000, y.size)
    columns = {
        "label": np.array(names)[y],
        "sublabel": np.array([f"{names[c].lower()}-{i % 2}" if c else "" for i, c in enumerate(y)]),
        "group": group,
        "capture": np.char.add(group, ".pcap"),
        "start_us": start_us,
        "label_rule": np.full(y.size, "generated"),
        "source": np.array([(sources or {}).get(names[c], ["D1", "D2"][i % 2]) for i, c in enumerate(y)]),
    }
    for column in (*IDENTITY, *TRUTH):
        if column.name not in columns:
            columns[column.name] = np.full(y.size, "") if column.dtype == "string" else np.arange(y.size)
    table = {
        field.name: pa.array(columns[field.name].tolist(), field.type)
        for field in arrow_schema((*IDENTITY, *TRUTH))
    }
    table |= {name: pa.array(X[:, j]) for j, name in enumerate(MODEL_FEATURE_NAMES)}
    return pa.table(table)
