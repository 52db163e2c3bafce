"""The network as an ONNX graph, written from its weights: normalisation in float64, dense layers in float32.

Features in microseconds reach 1e9 and more; subtracting their mean in float32 would lose what matters, so the
graph takes float64 and rounds after scaling. A second graph gives the gradient that reasons are made of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from iotids.learning.networks.dense.chain import DenseChain

if TYPE_CHECKING:
    import onnx

OPSET, IR_VERSION = 17, 8  # read by onnxruntime since 1.14 (2023)


def logits_graph(chain: DenseChain, metadata: Mapping[str, Any]) -> onnx.ModelProto:
    """`features` (n, d) float64 -> `logits` (n, k) float32, before the temperature.

    Parameters
    ----------
    chain : DenseChain
        The network.
    metadata : mapping
        Written into the file as JSON per key, so that the file alone says how its numbers are read.
    """
    from onnx import TensorProto, helper, numpy_helper

    nodes, values = _normalisation(chain)
    signal = "normalised"
    for i, (kernel, bias) in enumerate(zip(chain.kernels, chain.biases, strict=True)):
        last = i == len(chain.kernels) - 1
        values += [numpy_helper.from_array(kernel, f"kernel_{i}"), numpy_helper.from_array(bias, f"bias_{i}")]
        nodes.append(
            helper.make_node(
                "Gemm",
                [signal, f"kernel_{i}", f"bias_{i}"],
                ["logits" if last else f"sum_{i}"],
                name=f"dense_{i}",
            )
        )
        if not last:
            nodes.append(helper.make_node("Relu", [f"sum_{i}"], [f"hidden_{i}"], name=f"relu_{i}"))
            signal = f"hidden_{i}"
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["flows", len(chain.biases[-1])])
    return _model(nodes, [_features_info(chain)], [output], values, metadata, "logits")


def int8_weights_graph(chain: DenseChain, metadata: Mapping[str, Any]) -> onnx.ModelProto:
    """As `logits_graph`, with every kernel in eight bits and one scale per neuron; activations stay in float.

    A quarter of the size at the same speed: runtimes widen the weights once, when they open the file.
    """
    from onnx import helper, numpy_helper

    model = logits_graph(chain, metadata)
    graph = model.graph
    kept = [value for value in graph.initializer if not value.name.startswith("kernel_")]
    widened = []
    for i, kernel in enumerate(chain.kernels):
        scale = np.maximum(np.abs(kernel).max(axis=0), 1e-12).astype(np.float32) / np.float32(127)
        small = np.clip(np.rint(kernel / scale), -127, 127).astype(np.int8)
        kept += [
            numpy_helper.from_array(small, f"kernel_{i}_int8"),
            numpy_helper.from_array(scale, f"kernel_{i}_scale"),
        ]
        widened.append(
            helper.make_node(
                "DequantizeLinear", [f"kernel_{i}_int8", f"kernel_{i}_scale"], [f"kernel_{i}"], axis=1
            )
        )
    nodes = [*widened, *graph.node]
    return _model(nodes, list(graph.input), list(graph.output), kept, metadata, "logits")


def gradient_graph(chain: DenseChain, metadata: Mapping[str, Any]) -> onnx.ModelProto:
    """`normalised` (n, d) float32, `direction` (n, k) float32 -> `gradient` (n, d) float32.

    The gradient of the sum over classes of direction * logit with respect to the normalised features, by
    hand-written
    back-propagation: dense networks need only products and masks.
    """
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    values: list[Any] = []
    signal = "normalised"
    for i, (kernel, bias) in enumerate(zip(chain.kernels, chain.biases, strict=True)):
        values.append(numpy_helper.from_array(kernel, f"kernel_{i}"))
        if i == len(chain.kernels) - 1:
            break
        values.append(numpy_helper.from_array(bias, f"bias_{i}"))
        nodes.append(helper.make_node("Gemm", [signal, f"kernel_{i}", f"bias_{i}"], [f"sum_{i}"]))
        nodes.append(helper.make_node("Relu", [f"sum_{i}"], [f"hidden_{i}"]))
        nodes.append(helper.make_node("Sign", [f"hidden_{i}"], [f"active_{i}"]))
        signal = f"hidden_{i}"
    back = "direction"
    for i in reversed(range(len(chain.kernels))):
        pulled = "gradient" if i == 0 else f"back_{i}"
        nodes.append(helper.make_node("Gemm", [back, f"kernel_{i}"], [pulled], transB=1))
        if i > 0:
            nodes.append(helper.make_node("Mul", [pulled, f"active_{i - 1}"], [f"masked_{i}"]))
            back = f"masked_{i}"
    direction = helper.make_tensor_value_info(
        "direction", TensorProto.FLOAT, ["flows", len(chain.biases[-1])]
    )
    normalised, output = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["flows", chain.mean.size])
        for name in ("normalised", "gradient")
    )
    return _model(nodes, [normalised, direction], [output], values, metadata, "gradient")


def feature_gradient_graph(chain: DenseChain) -> onnx.ModelProto:
    """`features` (n, d) float64, `direction` (n, k) float32 -> `gradient` (n, d) float32 by the features.

    As `gradient_graph`, with the scaling of the inputs before it and its slope after it.
    """
    from onnx import TensorProto, helper, numpy_helper

    inner = gradient_graph(chain, {}).graph
    nodes, values = _normalisation(chain)
    for node in inner.node:
        if node.output[0] == "gradient":
            node.output[0] = "gradient_normalised"
    nodes += [
        *inner.node,
        helper.make_node("Cast", ["gradient_normalised"], ["gradient_double"], to=TensorProto.DOUBLE),
        helper.make_node("Mul", ["gradient_double", "slope"], ["gradient_scaled_log"]),
        # the slope of sign(x) log(1 + |x|) is 1 / (1 + |x|)
        helper.make_node("Div", ["gradient_scaled_log", "size_plus_one"], ["gradient_scaled"])
        if chain.inputs == "log"
        else helper.make_node("Identity", ["gradient_scaled_log"], ["gradient_scaled"]),
        helper.make_node("Cast", ["gradient_scaled"], ["gradient"], to=TensorProto.FLOAT),
    ]
    values += [*inner.initializer, numpy_helper.from_array(chain.scale, "slope")]
    direction = next(value for value in inner.input if value.name == "direction")
    return _model(nodes, [_features_info(chain), direction], list(inner.output), values, {}, "gradient")


def _normalisation(chain: DenseChain) -> tuple[list[Any], list[Any]]:
    """Nodes and constants from `features` to `normalised`."""
    from onnx import TensorProto, helper, numpy_helper

    values = [numpy_helper.from_array(getattr(chain, name), name) for name in ("mean", "scale", "offset")]
    logs, source = [], "features"
    if chain.inputs == "log":
        values.append(numpy_helper.from_array(np.array(1.0), "one"))
        source = "signed_log"
        logs = [
            helper.make_node("Sign", ["features"], ["sign"], name="sign"),
            helper.make_node("Abs", ["features"], ["size"], name="size"),
            helper.make_node("Add", ["size", "one"], ["size_plus_one"], name="size_plus_one"),
            helper.make_node("Log", ["size_plus_one"], ["log_size"], name="log_size"),
            helper.make_node("Mul", ["sign", "log_size"], ["signed_log"], name="signed_log"),
        ]
    nodes = [
        *logs,
        helper.make_node("Sub", [source, "mean"], ["centred"], name="centre"),
        helper.make_node("Mul", ["centred", "scale"], ["scaled"], name="scale_inputs"),
        helper.make_node("Add", ["scaled", "offset"], ["shifted"], name="shift"),
        helper.make_node("Cast", ["shifted"], ["normalised"], to=TensorProto.FLOAT, name="round"),
    ]
    return nodes, values


def _features_info(chain: DenseChain) -> Any:
    """Description of the input."""
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info("features", TensorProto.DOUBLE, ["flows", chain.mean.size])


def _model(
    nodes: list, inputs: list, outputs: list, values: list, metadata: Mapping[str, Any], name: str
) -> onnx.ModelProto:
    """A checked model with its metadata."""
    from onnx import checker, helper

    graph = helper.make_graph(nodes, name, inputs, outputs, values)
    model = helper.make_model(
        graph,
        producer_name="iot-attack-detection",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, {key: json.dumps(value) for key, value in metadata.items()})
    checker.check_model(model)
    return model
