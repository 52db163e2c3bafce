"""Run the whole audit over a dataset, one column at a time, so that two million flows fit into little memory.

Fingerprints and impossible values come from all rows. What needs sorting or fitting (separability, correlations, the source probe)
is measured on a sample that holds every source and class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from stages.auditing.duplicates import count_duplicates, count_twins, fold_in_column, number_vectors
from stages.auditing.shortcuts import Counts, dataset_oracle, separability_of_all
from stages.auditing.smells import find_correlated, find_equal, find_impossible, find_near_constant, rank_correlations
from stages.auditing.source_probe import probe_sources
from stages.auditing.timeouts import timeout_effect
from stages.flowmeter.schema import MODEL_FEATURE_NAMES

TCP, UDP = 6, 17
ARP_READ_AS_IPV4 = "8.6.0.1"
"""Sender of the flow that broadcast ARP becomes when the bytes from its first on are read as an IPv4 header."""
ReadColumn = Callable[[str], pa.ChunkedArray]


@dataclass(frozen=True)
class Settings:
    """Knobs of the audit: rows to sample, its seed, digits for rounding, and when a feature counts as near-constant or correlated."""

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
    read: ReadColumn, *, classes: Sequence[str], benign: str, settings: Settings, splits: Mapping[str, Mapping[str, np.ndarray]],
    summaries: Mapping[str, Mapping[str, Any]], paper: Counts,
) -> Findings:  # fmt: skip
    """Audit a dataset.

    Parameters
    ----------
    read : callable
        Gives a column of the dataset by its name.
    splits : mapping
        Per protocol the columns `row`, `test_fold`, `train_folds`; may be empty.
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
        raise ValueError(f"the dataset has the class {', '.join(unknown)}, but data.classes are {', '.join(classes)}")
    labels = np.array([classes.index(name) for name in found])[labels]
    sources, names = encode(read("source"))
    groups, _ = encode(read("group"))
    rows = draw_sample(sources * len(classes) + labels, settings.sample_rows, settings.seed)
    exact, rounded, impossible, sample = _pass_over_features(read, len(labels), rows, settings.significant_digits)
    duplicates, twins = _duplicates({"exact": exact, "rounded": rounded}, labels, classes, splits)
    correlated_names, correlations = rank_correlations(sample)
    counts = _counts(sources, names, labels, classes)
    probes = {"all classes": probe_sources(sample, sources[rows], names, groups[rows], seed=settings.seed)}
    for number, name in enumerate(classes):
        part = labels[rows] == number
        probes[name] = probe_sources(
            {key: values[part] for key, values in sample.items()}, sources[rows][part], names, groups[rows][part], seed=settings.seed
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
        "groups": _groups(sources, names, labels, classes, groups),
        "duplicates": duplicates,
        "twins": twins,
        "oracle": {
            "ours": dataset_oracle(counts, classes, benign),
            "paper": dataset_oracle(paper, sorted({c for row in paper.values() for c in row}), "BENIGN"),
        },
        "source_probe": probes,
        "separability": separability_of_all(
            sample, labels[rows], sources[rows], n_classes=len(classes), n_sources=len(names), benign=list(classes).index(benign)
        ),
        "features": {
            "near_constant": find_near_constant(sample, settings.near_constant_share),
            "equal": find_equal(sample),
            "correlated": find_correlated(correlated_names, correlations, settings.correlation),
            "impossible": impossible,
        },
        "ground_truth": _ground_truth(read, len(labels), summaries),
        "no_flows": _no_flows(read, sources, names, labels, classes),
        "timeouts": _timeouts(read, sources, names),
    }
    durations = {name: sample["flow_duration_us"][sources[rows] == number] / 1e6 for number, name in enumerate(names)}
    return Findings(numbers, correlations, durations)


def encode(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Number the words of a column in the order of their first coming."""
    coded = column.combine_chunks().dictionary_encode()
    return coded.indices.to_numpy(zero_copy_only=False).astype(np.int64), coded.dictionary.to_pylist()


def draw_sample(strata: np.ndarray, n_rows: int, seed: int, least: int = 2000) -> np.ndarray:
    """Draw rows in proportion to the strata, but at least `least` of each (or all it has); ascending."""
    share = min(1.0, n_rows / max(len(strata), 1))
    generator = np.random.default_rng(seed)
    chosen = []
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        chosen.append(generator.choice(rows, min(len(rows), max(least, round(share * len(rows)))), replace=False))
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
    fingerprints: Mapping[str, np.ndarray], labels: np.ndarray, classes: Sequence[str], splits: Mapping[str, Mapping[str, np.ndarray]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Count copies, and twins across each split."""
    duplicates: dict[str, Any] = {}
    twins: dict[str, Any] = {protocol: {} for protocol in splits}
    for kind, prints in fingerprints.items():
        vectors, n_vectors = number_vectors(prints)
        duplicates[kind] = count_duplicates(vectors, n_vectors, labels, classes)
        for protocol, split in splits.items():
            twins[protocol][kind] = count_twins(vectors, n_vectors, split)
    return duplicates, twins


def _counts(sources: np.ndarray, names: Sequence[str], labels: np.ndarray, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count rows per source and class."""
    table = np.bincount(sources * len(classes) + labels, minlength=len(names) * len(classes)).reshape(len(names), len(classes))
    return {name: {label: int(n) for label, n in zip(classes, row, strict=True)} for name, row in zip(names, table, strict=True)}


def _groups(
    sources: np.ndarray, names: Sequence[str], labels: np.ndarray, classes: Sequence[str], groups: np.ndarray
) -> dict[str, dict[str, int]]:
    """Count the groups that hold rows of each source and class."""
    triples = np.unique(np.stack([sources, labels, groups]), axis=1)
    return _counts(triples[0], names, triples[1], classes)


def _ground_truth(read: ReadColumn, n_rows: int, summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Collect what is known about the labels' certainty."""
    codes, rules = encode(read("label_rule"))
    whole = int((codes == rules.index("whole capture")).sum()) if "whole capture" in rules else 0
    notices = [{"source": source, **notice} for source, summary in summaries.items() for notice in summary.get("notices", [])]
    return {
        "whole_capture": whole,
        "whole_capture_share": whole / max(n_rows, 1),
        "kept_apart": sum(sum(summary.get("kept_apart", {}).values()) + summary.get("unlabelled", 0) for summary in summaries.values()),
        "rules": {source: summary.get("rules", {}) for source, summary in summaries.items()},
        "notices": notices,
    }


def _no_flows(read: ReadColumn, sources: np.ndarray, names: list[str], labels: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Count rows that are no TCP or UDP conversation, and among them broadcast ARP that CICFlowMeter reads as IPv4."""
    portless = ~np.isin(read("protocol").to_numpy(), [TCP, UDP])
    codes, addresses = encode(read("src_ip"))
    arp = codes == addresses.index(ARP_READ_AS_IPV4) if ARP_READ_AS_IPV4 in addresses else np.zeros(len(codes), dtype=bool)
    return {
        "counts": _counts(sources[portless], names, labels[portless], classes),
        "rows": int(portless.sum()),
        "arp": int((arp & portless).sum()),
    }


def _timeouts(read: ReadColumn, sources: np.ndarray, names: list[str]) -> list[dict[str, Any]]:
    """Measure how connections were cut into rows."""
    numbers = {
        name: read(name).to_numpy()
        for name in ("src_port", "dst_port", "protocol", "start_us", "flow_duration_us", "fwd_packets", "bwd_packets")
    }
    ends = pa.chunked_array([*read("src_ip").chunks, *read("dst_ip").chunks])
    addresses, _ = encode(ends)
    initiators, responders = np.split(addresses * 65536, 2)
    pairs = np.sort(np.stack([initiators + numbers["src_port"], responders + numbers["dst_port"]]), axis=0)
    prints = np.zeros(len(sources), dtype=np.uint64)
    for number, column in enumerate([encode(read("capture"))[0], pairs[0], pairs[1], numbers["protocol"]], start=1):
        prints = fold_in_column(prints, column.astype(np.float64), number)
    connections, _ = number_vectors(prints)
    return timeout_effect(
        sources=sources, names=names, connections=connections, starts_us=numbers["start_us"], durations_us=numbers["flow_duration_us"],
        packets=numbers["fwd_packets"] + numbers["bwd_packets"],
    )  # fmt: skip
