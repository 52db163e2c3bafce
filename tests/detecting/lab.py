"""A small network for the detector's tests: benign, flood and scan captures, and a package trained on them in
a second.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.neural_network import MLPClassifier

from iotids.detecting.judging.operating_point import log_scores
from iotids.detecting.judging.verdicts import matrix_of
from iotids.detecting.package.package import Package, open_package, seal_package
from iotids.detecting.packing.assembly import PackSettings, Training, describe, write_graphs
from iotids.detecting.packing.out_of_fold import OutOfFold
from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES
from iotids.flowmeter.flows import flows_from_capture
from iotids.learning.networks.dense.chain import BN_EPSILON, DenseChain
from iotids.learning.networks.dense.fitted import DenseModel
from tests.packets import ACK, FIN, PSH, RST, SYN, Record, ethernet, ipv4, tcp, udp, write_pcap

CLASSES = ("BENIGN", "DOS", "SCANNING")
METER = {
    "profile": "clean",
    "flow_timeout_s": 120.0,
    "activity_timeout_s": 5.0,
    "idle_timeout_s": 120.0,
    "tunnels": "inner",
}
WITHOUT_ANOTHER_ACCOUNT = """
import sys
from iotids.detecting.running import interface
interface.whom_to_become = lambda user: (-1, -1)  # another account may not read this interpreter
from iotids.commands.detect import main
sys.argv[0] = "iotids detect"
sys.exit(main())
"""
START_US = 1_700_000_000_000_000
DAY_US = 86_400_000_000


def frame(src, dst, protocol, segment):
    return ethernet(ipv4(src, dst, protocol, segment))


def benign_records(*, flows, seed, start_us=START_US, span_us=DAY_US):
    """TCP conversations with a server and name look-ups, spread over the span."""
    random, records = np.random.default_rng(seed), []
    for i in range(flows):
        t, host, port = (
            start_us + int(random.integers(span_us)),
            f"10.0.0.{random.integers(2, 12)}",
            20_000 + i % 40_000,
        )
        gap = lambda: int(random.integers(2_000, 60_000))  # noqa: E731
        if random.random() < 0.4:
            size = int(random.integers(24, 60))
            records += [
                Record(t, frame(host, "10.0.0.1", 17, udp(port, 53, b"q" * size))),
                Record(t + gap(), frame("10.0.0.1", host, 17, udp(53, port, b"a" * size * 3))),
            ]
            continue
        steps = [(True, SYN, 0), (False, SYN | ACK, 0), (True, ACK, 0)]
        for _ in range(int(random.integers(1, 6))):
            steps += [
                (True, PSH | ACK, int(random.integers(60, 400))),
                (False, PSH | ACK, int(random.integers(200, 1400))),
            ]
        steps += [(True, FIN | ACK, 0), (False, FIN | ACK, 0), (True, ACK, 0)]
        for forward, flags, size in steps:
            ends = (host, "10.0.0.200") if forward else ("10.0.0.200", host)
            ports = (port, 443) if forward else (443, port)
            records.append(
                Record(
                    t,
                    frame(
                        *ends,
                        6,
                        tcp(*ports, flags=flags, window=29_200 if forward else 65_535, payload=b"x" * size),
                    ),
                )
            )
            t += gap()
    return sorted(records, key=lambda record: record.time_us)


def flood_records(*, flows, seed, start_us=START_US):
    """A SYN flood: one packet per flow, changing source ports, no answer."""
    random = np.random.default_rng(seed)
    times = start_us + np.cumsum(random.integers(20, 400, flows))
    return [
        Record(int(t), frame("10.0.0.66", "10.0.0.200", 6, tcp(1024 + i % 60_000, 80, flags=SYN, window=512)))
        for i, t in enumerate(times)
    ]


def scan_records(*, flows, seed, start_us=START_US):
    """A port scan: a SYN to every port, answered by RST."""
    random, records, t = np.random.default_rng(seed), [], start_us
    for port in range(1, flows + 1):
        t += int(random.integers(500, 3000))
        records.append(
            Record(t, frame("10.0.0.77", "10.0.0.200", 6, tcp(40_000, port % 65_000, flags=SYN, window=1024)))
        )
        records.append(
            Record(
                t + int(random.integers(50, 500)),
                frame("10.0.0.200", "10.0.0.77", 6, tcp(port % 65_000, 40_000, flags=RST | ACK, window=0)),
            )
        )
    return records


def training_flows(folder: Path):
    """(n, d) features, (n,) classes and (n,) groups of metered captures, three of each class."""
    makers = (benign_records, flood_records, scan_records)
    X, truth, group = [], [], []
    for label, maker in enumerate(makers):
        for g in range(3):
            path = write_pcap(
                folder / f"train-{label}-{g}.pcap", maker(flows=(400, 300, 250)[label], seed=100 * label + g)
            )
            mine = matrix_of(flows_from_capture(path, "clean"), MODEL_FEATURE_NAMES)
            X.append(mine)
            truth.append(np.full(len(mine), label))
            group.append(np.full(len(mine), g))
    return np.concatenate(X), np.concatenate(truth), np.concatenate(group)


def fit_model(X, truth, seed=0) -> DenseModel:
    """A really trained small network, without TensorFlow: scikit-learn's, with its scaling in front."""
    mean, spread = X.mean(axis=0), np.maximum(X.std(axis=0), 0.1)
    network = MLPClassifier((24, 16), max_iter=60, random_state=seed, alpha=1e-3).fit(
        (X - mean) / spread, truth
    )
    scaling = [np.ones(mean.size), np.zeros(mean.size), mean, spread**2 - BN_EPSILON]
    layers = [part for pair in zip(network.coefs_, network.intercepts_, strict=True) for part in pair]
    return DenseModel([*scaling, *layers], dropout=0.0)


def chain_logits(chain: DenseChain, X):
    """The network by hand: the slow, obvious twin of the graph."""
    signal = chain.normalise(X).astype(np.float64)
    for i, (kernel, bias) in enumerate(zip(chain.kernels, chain.biases, strict=True)):
        signal = signal @ kernel.astype(np.float64) + bias
        if i < len(chain.kernels) - 1:
            signal = np.maximum(signal, 0.0)
    return signal


def softmax(logits):
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def make_package(folder: Path, *, meter=METER, features=MODEL_FEATURE_NAMES, coverage=None) -> Package:
    """Train, cross-validate by group, and seal a package in the folder."""
    folder.mkdir(parents=True)
    captures = folder.parent / f"{folder.name}-captures"
    captures.mkdir()
    X, truth, group = training_flows(captures)
    model = fit_model(X, truth)
    logits = np.empty((len(X), len(CLASSES)))
    for g in range(3):
        logits[group == g] = chain_logits(fit_model(X[group != g], truth[group != g]).chain, X[group == g])
    predictions = OutOfFold(
        "grouped",
        np.arange(len(X)),
        group.astype(np.int16),
        truth.astype(np.int8),
        log_scores(softmax(logits)),
    )
    counts = {name: int((truth == c).sum()) for c, name in enumerate(CLASSES)}
    identity = {
        "name": "lab",
        "task": "multiclass",
        "classes": list(CLASSES),
        "benign": "BENIGN",
        "features": list(features),
        "data": "lab",
        "meter": dict(meter),
        "kind": "dense",
        "settings": {"depth": 2},
        "cross_validation": {
            "grouped": {"folds": 3, "figure": "mean over 3 folds", "accuracy": {"value": 0.9, "std": 0.1}}
        },
    }
    facts = {
        "flows": len(X),
        "sha256": "0" * 64,
        "flows_per_class": counts,
        "flows_per_source": {"lab": len(X)},
    }
    settings = PackSettings(
        "grouped",
        false_alarm_share=0.01,
        novelty_quantile=0.995,
        coverage=coverage,
        zero_point_share=None,
        prototypes=48,
        exports=(),
        agreement=0.999,
        recordings=("captures of this test",),
        seed=7,
    )
    manifest, reference = describe(Training(X, truth, facts), predictions, identity, settings)
    write_graphs(folder, model, manifest, reference)
    seal_package(folder, {**manifest, "exports": {}})
    return open_package(folder)


def read_verdicts(path) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(path)
