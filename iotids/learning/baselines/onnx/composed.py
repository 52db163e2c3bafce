"""Models put into one ONNX model: several that vote, or one that sees some columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iotids.learning.runs.onnx_graph import (
    ML_OPSET,
    OPSET,
    SMALLEST_SHARE,
    Part,
    cast,
    constant,
    model_bytes,
    node,
)


def voted_onnx(
    contents: Sequence[bytes],
    weights: Sequence[float],
    columns: np.ndarray,
    *,
    n_features: int,
    n_classes: int,
) -> bytes:
    """Shares of the weighted votes, as logarithms.

    Parameters
    ----------
    contents : ONNX models, `features` -> `logits`, of some columns of the features
    weights : of their votes, above 0
    columns : numbers of those columns
    """
    chosen = Part([node("Gather", ["features", "columns"], "chosen", axis=1)], [constant("columns", columns)])
    parts = [chosen, *(inlined(content, "chosen", f"member{i}_") for i, content in enumerate(contents))]
    nodes, values = [], [constant("class_numbers", np.arange(n_classes)[None])]
    shares = np.asarray(weights, np.float64) / np.sum(weights)
    for i, share in enumerate(shares):
        nodes += [
            node("ArgMax", [f"member{i}_logits"], f"verdict{i}", axis=1, keepdims=1),
            node("Equal", [f"verdict{i}", "class_numbers"], f"is_verdict{i}"),
            cast(f"is_verdict{i}", f"vote{i}", np.float64),
            node("Mul", [f"vote{i}", f"share{i}"], f"weighted{i}"),
        ]
        values.append(constant(f"share{i}", np.array(share)))
    nodes += [
        node("Sum", [f"weighted{i}" for i in range(len(shares))], "votes"),
        node("Max", ["votes", "smallest_vote"], "votes_clipped"),
        node("Log", ["votes_clipped"], "log_votes"),
        cast("log_votes", "logits", np.float32),
    ]
    values.append(constant("smallest_vote", np.array(SMALLEST_SHARE)))
    return model_bytes([*parts, Part(nodes, values)], n_features=n_features, n_classes=n_classes)


def inlined(content: bytes, source: str, prefix: str) -> Part:
    """The nodes of a model, fed by `source`; all its names begin with `prefix`, so its output is `<prefix>logits`."""
    import onnx
    from onnx import compose

    model = compose.add_prefix(onnx.load_from_string(content), prefix)
    graph = model.graph
    known = {"": OPSET, "ai.onnx.ml": ML_OPSET}  # one version holds for all members: the newest
    entries = ((one.domain, max(one.version, known.get(one.domain, 0))) for one in model.opset_import)
    opsets = tuple(entries)
    return Part(
        [node("Identity", [source], graph.input[0].name), *graph.node], list(graph.initializer), opsets
    )


def chosen_columns_onnx(content: bytes, columns: np.ndarray, *, n_features: int, n_classes: int) -> bytes:
    """A model of some columns as a model of all."""
    chosen = Part([node("Gather", ["features", "columns"], "chosen", axis=1)], [constant("columns", columns)])
    last = Part([node("Identity", ["inner_logits"], "logits")], [])
    return model_bytes(
        [chosen, inlined(content, "chosen", "inner_"), last], n_features=n_features, n_classes=n_classes
    )
