"""The columns of a verdict table, filled from flows, decisions and reasons; docs/detector.md says what each
means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.detecting.judging.operating_point import probability_of
from iotids.detecting.judging.reasons import Reasons
from iotids.detecting.judging.verdict_words import UNKNOWN, UNKNOWN_BECAUSE, UNKNOWN_CLASS, VERDICTS

CARRIED = (
    "capture",
    "flow_number",
    "first_packet",
    "last_packet",
    "src_ip",
    "src_port",
    "dst_ip",
    "dst_port",
    "protocol",
    "src_mac",
    "dst_mac",
)
WORD = pa.dictionary(
    pa.int8(), pa.string()
)  # a handful of words over and over: a byte a row in memory, text for every reader
REASON = pa.struct(
    [("feature", pa.string()), ("value", pa.float64()), ("usual", pa.float64()), ("weight", pa.float32())]
)


def verdict_schema(classes: Sequence[str]) -> pa.Schema:
    """Names and types of the columns, for a model's classes."""
    return pa.schema(
        [
            ("capture", pa.string()),
            ("flow_number", pa.int64()),
            ("first_packet", pa.int64()),
            ("last_packet", pa.int64()),
            ("start", pa.timestamp("us", "UTC")),
            ("duration_us", pa.int64()),
            ("src_ip", pa.string()),
            ("src_port", pa.int32()),
            ("dst_ip", pa.string()),
            ("dst_port", pa.int32()),
            ("protocol", pa.int32()),
            ("src_mac", pa.string()),
            ("dst_mac", pa.string()),
            ("packets", pa.int64()),
            ("payload_bytes", pa.float64()),
            ("bwd_packets", pa.int64()),
            ("syn_flags", pa.int64()),
            ("rst_flags", pa.int64()),
            ("verdict", WORD),
            ("class", WORD),
            ("probability", pa.float32()),
            ("attack_probability", pa.float32()),
            ("attack_log_odds", pa.float32()),
            ("novelty", pa.float32()),
            ("unknown_because", WORD),
            *((f"p_{name}", pa.float32()) for name in classes),
            ("reasons", pa.list_(REASON)),
        ]
    )


def verdict_columns(
    code: np.ndarray,
    *,
    likeliest: np.ndarray,
    shares: np.ndarray,
    log_odds: np.ndarray,
    familiarity: np.ndarray,
    because: np.ndarray,
    classes: Sequence[str],
) -> dict[str, pa.Array]:
    """What was decided; arguments as in verdicts.Decisions, classes in the order of the model's outputs."""
    unknown, finite = code == UNKNOWN, np.isfinite(familiarity)
    own = shares[np.arange(code.size), likeliest]
    number = lambda values, there: pa.array(values.astype(np.float32), mask=~there)  # noqa: E731
    return {
        "verdict": words(code, VERDICTS),
        "class": words(np.where(unknown, len(classes), likeliest), (*classes, UNKNOWN_CLASS)),
        "probability": number(own, ~unknown),
        "attack_probability": number(probability_of(log_odds), finite),
        "attack_log_odds": number(log_odds, finite),
        "novelty": number(familiarity, finite),
        "unknown_because": words(because, UNKNOWN_BECAUSE),
        **{f"p_{name}": number(shares[:, c], finite) for c, name in enumerate(classes)},
    }


def flow_columns(batch: pa.RecordBatch | pa.Table) -> dict[str, pa.Array]:
    """Where the flow is and how large it was."""

    def total(of: str) -> Any:
        return sum(batch.column(f"{side}_{of}").to_numpy(zero_copy_only=False) for side in ("fwd", "bwd"))

    return {
        **{name: batch.column(name) for name in CARRIED},
        **{name: batch.column(name).cast(pa.int64()) for name in ("bwd_packets", "syn_flags", "rst_flags")},
        "start": batch.column("start_us").cast(pa.timestamp("us", "UTC")),
        "duration_us": batch.column("flow_duration_us"),
        "packets": total("packets").astype(np.int64),
        "payload_bytes": total("bytes").astype(np.float64),
    }


def reason_column(
    reasons: Reasons, X: np.ndarray, usual: np.ndarray, features: Sequence[str]
) -> pa.ListArray:
    """The reasons, one list per flow; `X` (n, d) are the features' values, `usual` (d,) the benign
    medians.
    """
    offsets = np.concatenate([[0], np.cumsum(reasons.given.sum(axis=1))]).astype(np.int32)
    flow, place = np.nonzero(reasons.given)
    number = reasons.feature[flow, place]
    parts = [
        pa.array(features).take(pa.array(number)),
        pa.array(X[flow, number]),
        pa.array(usual[number]),
        pa.array(reasons.weight[flow, place]),
    ]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.StructArray.from_arrays(parts, fields=list(REASON)))


def words(number: np.ndarray, names: Sequence[str]) -> pa.DictionaryArray:
    """A column of few words: (n,) index in names."""
    return pa.DictionaryArray.from_arrays(pa.array(number.astype(np.int8)), pa.array(names))
