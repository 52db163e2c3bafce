"""Put an ONNX model together: from float64 `features`, scaled, through a classifier, to float32 `logits`.

A part is a list of nodes and a list of constants; parts meet at tensor names: `features`, `scaled`,
`log_shares` (n, classes seen) float, `logits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import onnx

OPSET, ML_OPSET, IR_VERSION = 17, 3, 8  # read by onnxruntime since 1.14 (2023)
SMALLEST_SHARE = 1e-15  # of a class that scores 0: its logarithm stays finite


class Part(NamedTuple):
    """Nodes and constants, and opset versions of further operator sets they need."""

    nodes: list[onnx.NodeProto]
    values: list[onnx.TensorProto]
    opsets: tuple[tuple[str, int], ...] = ()


def constant(name: str, value: np.ndarray) -> onnx.TensorProto:
    """A named constant."""
    from onnx import numpy_helper

    return numpy_helper.from_array(np.ascontiguousarray(value), name)


def node(operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> onnx.NodeProto:
    """A node with one output, named like it."""
    from onnx import helper

    return helper.make_node(operator, list(inputs), [output], name=output, **attributes)


def cast(source: str, output: str, dtype: type) -> onnx.NodeProto:
    """Change the type of a tensor."""
    from onnx import helper

    return node("Cast", [source], output, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def signed_log_nodes() -> list[onnx.NodeProto]:
    """From `features` to `signed_log`, sign(x) log(1 + |x|); wants a constant `one`."""
    return [
        node("Sign", ["features"], "sign"),
        node("Abs", ["features"], "size"),
        node("Add", ["size", "one"], "size_plus_one"),
        node("Log", ["size_plus_one"], "log_size"),
        node("Mul", ["sign", "log_size"], "signed_log"),
    ]


def log_of_shares(shares: str) -> Part:
    """From a tensor of probabilities to `log_shares`, clipped below."""
    smallest = constant("smallest_share", np.array(SMALLEST_SHARE, np.float32))
    nodes = [
        cast(shares, "shares_float", np.float32),
        node("Max", ["shares_float", "smallest_share"], "shares_clipped"),
        node("Log", ["shares_clipped"], "log_shares"),
    ]
    return Part(nodes, [smallest])


def log_of_scores(scores: str) -> Part:
    """From unnormalised log scores (any float type) to `log_shares`."""
    nodes = [
        node("LogSoftmax", [scores], "log_softmax", axis=1),
        cast("log_softmax", "log_shares", np.float32),
    ]
    return Part(nodes, [])


def spread_classes(seen: np.ndarray, n_classes: int) -> Part:
    """From `log_shares` of the classes seen in training to `logits` of all; the others get next to nothing."""
    if len(seen) == n_classes:
        return Part([node("Identity", ["log_shares"], "logits")], [])
    place = np.full(n_classes, len(seen), np.int64)
    place[seen] = np.arange(len(seen))
    nodes = [
        node("Pad", ["log_shares", "one_column", "log_smallest"], "log_shares_padded"),
        node("Gather", ["log_shares_padded", "class_places"], "logits", axis=1),
    ]
    values = [
        constant("one_column", np.array([0, 0, 0, 1], np.int64)),
        constant("log_smallest", np.array(np.log(SMALLEST_SHARE), np.float32)),
        constant("class_places", place),
    ]
    return Part(nodes, values)


def same_for_all(shares: np.ndarray) -> Part:
    """`log_shares` that are the same for every flow."""
    k = len(shares)
    nodes = [
        node("Shape", ["features"], "n_flows", end=1),
        node("Concat", ["n_flows", "n_shares"], "shape", axis=0),
        node("Expand", ["the_log_shares", "shape"], "log_shares"),
    ]
    logs = np.log(np.maximum(shares, SMALLEST_SHARE)).astype(np.float32)[None]
    return Part(nodes, [constant("n_shares", np.array([k], np.int64)), constant("the_log_shares", logs)])


def model_bytes(parts: Sequence[Part], *, n_features: int, n_classes: int) -> bytes:
    """The checked model of parts in order."""
    from onnx import TensorProto, checker, helper

    graph = helper.make_graph(
        [one for part in parts for one in part.nodes],
        "logits",
        [helper.make_tensor_value_info("features", TensorProto.DOUBLE, ["flows", n_features])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["flows", n_classes])],
        [value for part in parts for value in part.values],
    )
    opsets = {"": OPSET, "ai.onnx.ml": ML_OPSET} | {name: v for part in parts for name, v in part.opsets}
    model = helper.make_model(
        graph,
        producer_name="iot-attack-detection",
        opset_imports=[helper.make_opsetid(name, version) for name, version in opsets.items()],
        ir_version=IR_VERSION,
    )
    checker.check_model(model)
    return model.SerializeToString(deterministic=True)
