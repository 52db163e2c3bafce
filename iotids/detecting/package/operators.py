"""Allow-list of ONNX operators: what the exporters write, checked before onnxruntime sees a graph.

A graph from elsewhere may hold loops, graphs within graphs, functions, or operators of another domain; a detector has none of them. The file is
walked by the field numbers of onnx.proto, because `detect` works without the library onnx, and because parts of two bytes, of which a
file can hold millions, take onnxruntime a hundred times as much memory.
"""

from __future__ import annotations

from pathlib import Path

from iotids.detecting.package.messages import fields_of
from iotids.detecting.package.package import REMEDY, PackageError

# by domain: of the kinds in iotids/learning, and of the scikit-learn classifiers that skl2onnx converts without a loop
WORDS = {
    "": """
        Abs Add ArgMax BatchNormalization Cast Clip Concat ConstantOfShape Div Equal Exp Expand Gather Gemm Greater Identity LeakyRelu Less Log
        LogSoftmax MatMul Max Mul Neg Not PRelu Pad Pow ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceSum Relu Reshape Shape Sigmoid Sign
        Slice Softmax Sub Sum Tanh Transpose Unsqueeze Where""",
    "ai.onnx.ml": "ArrayFeatureExtractor SVMClassifier TreeEnsembleClassifier TreeEnsembleRegressor",
}
OPERATORS = {domain: names.split() for domain, names in WORDS.items()}
MOST_PARTS = 100_000  # fields that are messages, texts or arrays; measured: at most 4 KB of memory each
# onnx.proto: which fields of a message are messages; a text is what a detector does not have
HELD: dict[str, dict[int, str]] = {
    "model": {7: "graph"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor"},
    "value": {2: "type"},
    "type": {1: "tensor type"},
    "tensor type": {2: "shape"},
}
REFUSED: dict[str, dict[int, str]] = {
    "model": {20: "instructions for training", 25: "functions"},
    "graph": {14: "quantisation notes", 15: "sparse constants"},
    "attribute": {
        **dict.fromkeys((6, 11), "graphs within the graph"),
        **dict.fromkeys((10, 14, 15, 22, 23), "lists of tensors, types or sparse tensors"),
    },
    "type": dict.fromkeys((4, 5, 7, 8, 9), "sequences, maps, optional or sparse values"),
}
NODE_OPERATOR, NODE_DOMAIN = 4, 7


def check_operators(path: Path) -> None:
    """Read which operators a graph holds.

    Raises
    ------
    PackageError
        An operator that is not in the list, a part that no exporter writes, too many parts, or no protobuf message.
    """
    try:
        foreign = _foreign(memoryview(path.read_bytes()))
    except IndexError as error:
        raise PackageError(
            f"{path}: damaged, not an ONNX model (it ends within a field); {REMEDY}"
        ) from error
    if foreign:
        raise PackageError(f"{path}: holds {foreign}; {REMEDY}")


def _foreign(content: memoryview) -> str | None:
    """The first part that no exporter writes, and what is allowed instead."""
    waiting, n_parts = [("model", content)], 0
    while waiting:
        message, content = waiting.pop()
        texts = {}  # of a field that comes twice the last one counts, as in protobuf
        for number, inner, *_ in fields_of(content):
            n_parts += 1
            if n_parts > MOST_PARTS:
                return (
                    f"more than {MOST_PARTS:,} nodes, constants and other parts; at most that many are read"
                )
            if name := REFUSED.get(message, {}).get(number):
                return f"{name}; a detector is one graph of single operators and dense constants"
            if held := HELD.get(message, {}).get(number):
                waiting.append((held, inner))
            else:
                texts[number] = inner
        if message == "node" and (foreign := _foreign_operator(texts)):
            return foreign
    return None


def _foreign_operator(node: dict[int, memoryview]) -> str | None:
    """A node's operator and what is allowed, unless it is allowed."""
    operator, domain = (
        bytes(node.get(number, b"")[:60]).decode("utf-8", "backslashreplace")
        for number in (NODE_OPERATOR, NODE_DOMAIN)
    )
    if operator in OPERATORS.get(domain, ()):
        return None
    allowed = "; ".join(f"of {name or 'ai.onnx'} {', '.join(known)}" for name, known in OPERATORS.items())
    return f"the operator {operator!r} of the domain {domain or 'ai.onnx'!r}; allowed are {allowed}"
