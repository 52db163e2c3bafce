"""Run the whole audit over a dataset, one column at a time, so that two million flows fit into little memory.

Fingerprints and impossible values come from all rows. What needs sorting or fitting (separability,
correlations, the source probe) is measured on a sample that holds every source and class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from iotids.auditing.duplicates import count_duplicates, count_twins, fold_in_column, number_vectors
from iotids.auditing.feature_quality import (
    find_correlated,
    find_equal,
    find_impossible,
    find_near_constant,
    rank_correlations,
)
from iotids.auditing.row_facts import (
    ReadColumn,
    certainty_of_labels,
    count_groups,
    count_rows,
    encode,
    rows_without_ports,
    timeouts_of_sources,
)
from iotids.auditing.shortcuts import Counts, dataset_oracle, separability_of_all
from iotids.auditing.source_probe import probe_sources
from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES


@dataclass(frozen=True)
class Settings:
    """Knobs of the audit: rows to sample, its seed, digits for rounding, and when a feature counts as
    near-constant or correlated.
    """

    sample_rows: int
    seed: int
    significant_digits: int
    near_constant_share: float
    correlation: float


@dataclass(frozen=True)
class Findings:
    """Numbers for the files, and the arrays that only the figures need."""

    numbers: dict[str, Any]
    correlations: np.ndarray
    durations_s: dict[str, np.ndarray]


def investigate(
    read: ReadColumn,
    *,
    classes: Sequence[str],
    benign: str,
    settings: Settings,
    splits: Mapping[str, Mapping[str, np.ndarray]],
    summaries: Mapping[str, Mapping[str, Any]],
    paper: Counts,
) -> Findings:
    """Audit a dataset.

    Parameters
    ----------
    read : callable
        Gives a column of the dataset by its name.
    splits : mapping
        Per split the columns `row`, `test_fold`, `train_folds`; may be empty.
    summaries : mapping
        Per source what labelling wrote about it; may be empty.
    paper : mapping
        Flows by source and class to compute the oracle on beside the dataset's own.

    Raises
    ------
    ValueError
        The dataset is empty, or a label is not in `classes`.
    """
    labels, found = encode(read("label"))
    if not len(labels):
        raise ValueError("the dataset has no row; there is nothing to audit")
    if unknown := sorted(set(found) - set(classes)):
        raise ValueError(
            f"the dataset has the class {', '.join(unknown)}, but data.classes are {', '.join(classes)}"
        )
    labels = np.array([classes.index(name) for name in found])[labels]
    sources, names = encode(read("source"))
    groups, _ = encode(read("group"))
    rows = draw_sample(sources * len(classes) + labels, settings.sample_rows, settings.seed)
    exact, rounded, impossible, sample = _pass_over_features(
        read, len(labels), rows, settings.significant_digits
    )
    duplicates, twins = _duplicates({"exact": exact, "rounded": rounded}, labels, classes, splits)
    correlated_names, correlations = rank_correlations(sample)
    counts = count_rows(sources, names, labels, classes)
    probes = {"all classes": probe_sources(sample, sources[rows], names, groups[rows], seed=settings.seed)}
    for number, name in enumerate(classes):
        part = labels[rows] == number
        probes[name] = probe_sources(
            {key: values[part] for key, values in sample.items()},
            sources[rows][part],
            names,
            groups[rows][part],
            seed=settings.seed,
        )
    numbers = {
        "classes": list(classes),
        "class_chance": 1 / len(np.unique(labels)),
        "rows": len(labels),
        "sample_rows": len(rows),
        "significant_digits": settings.significant_digits,
        "near_constant_share": settings.near_constant_share,
        "correlation": settings.correlation,
        "counts": counts,
        "groups": count_groups(sources, names, labels, classes, groups),
        "duplicates": duplicates,
        "twins": twins,
        "oracle": {
            "ours": dataset_oracle(counts, classes, benign),
            "paper": dataset_oracle(paper, sorted({c for row in paper.values() for c in row}), "BENIGN"),
        },
        "source_probe": probes,
        "separability": separability_of_all(
            sample,
            labels[rows],
            sources[rows],
            n_classes=len(classes),
            n_sources=len(names),
            benign=list(classes).index(benign),
        ),
        "features": {
            "near_constant": find_near_constant(sample, settings.near_constant_share),
            "equal": find_equal(sample),
            "correlated": find_correlated(correlated_names, correlations, settings.correlation),
            "impossible": impossible,
        },
        "ground_truth": certainty_of_labels(read, len(labels), summaries),
        "no_flows": rows_without_ports(read, sources, names, labels, classes),
        "timeouts": timeouts_of_sources(read, sources, names),
    }
    durations = {
        name: sample["flow_duration_us"][sources[rows] == number] / 1e6 for number, name in enumerate(names)
    }
    return Findings(numbers, correlations, durations)


def draw_sample(strata: np.ndarray, n_rows: int, seed: int, least: int = 2000) -> np.ndarray:
    """Draw rows in proportion to the strata, but at least `least` of each (or all it has); ascending."""
    share = min(1.0, n_rows / max(len(strata), 1))
    generator = np.random.default_rng(seed)
    chosen = []
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        chosen.append(
            generator.choice(rows, min(len(rows), max(least, round(share * len(rows)))), replace=False)
        )
    return np.sort(np.concatenate(chosen))


def _pass_over_features(
    read: ReadColumn, n_rows: int, rows: np.ndarray, digits: int
) -> tuple[np.ndarray, np.ndarray, dict[str, Any], dict[str, np.ndarray]]:
    """Read each feature once: fingerprints, impossible values, and the sample."""
    exact = rounded = np.zeros(n_rows, dtype=np.uint64)
    impossible: dict[str, Any] = {}
    sample = {}
    for number, name in enumerate(MODEL_FEATURE_NAMES, start=1):
        values = read(name).to_numpy().astype(np.float64)
        exact = fold_in_column(exact, values, number)
        rounded = fold_in_column(rounded, values, number, digits)
        impossible |= find_impossible({name: values})
        sample[name] = values[rows]
    return exact, rounded, impossible, sample


def _duplicates(
    fingerprints: Mapping[str, np.ndarray],
    labels: np.ndarray,
    classes: Sequence[str],
    splits: Mapping[str, Mapping[str, np.ndarray]],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Count copies, and twins across each split."""
    duplicates: dict[str, Any] = {}
    twins: dict[str, Any] = {name: {} for name in splits}
    for kind, prints in fingerprints.items():
        vectors, n_vectors = number_vectors(prints)
        duplicates[kind] = count_duplicates(vectors, n_vectors, labels, classes)
        for name, split in splits.items():
            twins[name][kind] = count_twins(vectors, n_vectors, split)
    return duplicates, twins
