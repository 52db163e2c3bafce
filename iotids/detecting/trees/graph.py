"""An ONNX file cut at its one ensemble of trees: what comes before it, the ensemble, and what comes after it, as models of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iotids.detecting.package.messages import Field, fields_of, varint_bytes, written

# onnx.proto: numbers of fields, and of types of elements
GRAPH, NODE, NAME, CONSTANT, INPUT, OUTPUT = 7, 1, 2, 5, 11, 12
FLOAT, DOUBLE = 1, 11
TREES = "TreeEnsembleRegressor"


@dataclass(frozen=True)
class Node:
    """A node: its operator, the names of its inputs and outputs, and its attributes' bytes by name."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, memoryview]
    content: memoryview


@dataclass(frozen=True)
class CutGraph:
    """Nodes before and after the trees; `model` is the file, `graph` the field of it that holds the graph."""

    before: tuple[Node, ...]
    trees: Node
    after: tuple[Node, ...]
    constants: dict[str, np.ndarray]
    model: memoryview
    graph: Field

    def model_before(self) -> bytes:
        """The model from `features` to what the trees compare."""
        given = [one.content for one in fields_of(self.graph.content) if one.number == INPUT]
        return self._model(self.before, given, [_tensor_named(self.trees.inputs[0], DOUBLE)])

    def model_after(self) -> bytes:
        """The model from the trees' sums to `logits`."""
        wanted = [one.content for one in fields_of(self.graph.content) if one.number == OUTPUT]
        return self._model(self.after, [_tensor_named(self.trees.outputs[0], FLOAT)], wanted)

    def _model(
        self,
        nodes: tuple[Node, ...],
        inputs: list[memoryview] | list[bytes],
        outputs: list[memoryview] | list[bytes],
    ) -> bytes:
        """The file with another graph of these nodes and the constants that they use."""
        used = {name for node in nodes for name in node.inputs}
        kept = [one for one in fields_of(self.graph.content) if one.number in (NAME, CONSTANT)]
        parts = [
            *(written(NODE, node.content) for node in nodes),
            *(
                written(one.number, one.content)
                for one in kept
                if one.number == NAME or _name_of_constant(one.content) in used
            ),
            *(written(INPUT, content) for content in inputs),
            *(written(OUTPUT, content) for content in outputs),
        ]
        rest = bytes(self.model[: self.graph.start]) + bytes(self.model[self.graph.stop :])
        return rest + written(GRAPH, b"".join(parts))


def cut_graph(content: bytes) -> CutGraph | None:
    """Read a model; None where it does not hold one ensemble of trees with one input and one output.

    Raises
    ------
    IndexError, UnicodeDecodeError
        The file is damaged.
    """
    model = memoryview(content)
    graphs = [one for one in fields_of(model) if one.number == GRAPH]
    if len(graphs) != 1:
        return None
    parts = list(fields_of(graphs[0].content))
    nodes = [_node_of(one.content) for one in parts if one.number == NODE]
    places = [i for i, node in enumerate(nodes) if node.operator == TREES]
    if len(places) != 1 or len(nodes[places[0]].inputs) != 1 or len(nodes[places[0]].outputs) != 1:
        return None
    at = places[0]
    values = [one.content for one in parts if one.number == CONSTANT]
    constants = {_name_of_constant(value): doubles_of(value) for value in values}
    known = {name: value for name, value in constants.items() if value is not None}
    return CutGraph(tuple(nodes[:at]), nodes[at], tuple(nodes[at + 1 :]), known, model, graphs[0])


def _node_of(content: memoryview) -> Node:
    """Read a node."""
    texts: dict[int, list[str]] = {1: [], 2: [], 4: [""]}
    attributes: dict[str, memoryview] = {}
    for number, inner, *_ in fields_of(content):
        if number in texts:
            texts[number].append(bytes(inner).decode())
        elif number == 5:
            attributes[_first_text(inner, 1)] = inner
    return Node(texts[4][-1], tuple(texts[1]), tuple(texts[2]), attributes, content)


def _first_text(message: memoryview, number: int) -> str:
    """The first text of a message in the field of a number."""
    return next((bytes(one.content).decode() for one in fields_of(message) if one.number == number), "")


def _name_of_constant(tensor: memoryview) -> str:
    return _first_text(tensor, 8)


def doubles_of(tensor: memoryview) -> np.ndarray | None:
    """(n,) float64 of a constant as `numpy_helper.from_array` writes it; None for any other."""
    parts = list(fields_of(tensor))
    raw = [one.content for one in parts if one.number == 9]
    if len(raw) != 1 or len(raw[0]) % 8:
        return None
    values = np.frombuffer(raw[0], "<f8")
    head = bytes(tensor[: parts[0].start])
    return values if head == b"\x08" + varint_bytes(values.size) + bytes([16, DOUBLE]) else None


def numbers_of(attribute: memoryview | None) -> np.ndarray | None:
    """(n,) int64 of an attribute of whole numbers from 0 up to 2^28; None for any other.

    Its name is followed by a tag, 0x40, and a number in turn, and at the end by the attribute's type.
    """
    if attribute is None:
        return None
    name = next(fields_of(attribute))
    data = np.frombuffer(attribute[name.stop :], np.uint8).astype(np.int64)
    ends = np.flatnonzero(data < 128)
    lengths = np.diff(ends, prepend=-1)
    if data.size == 0 or ends.size % 2 or ends[-1] != data.size - 1 or lengths.max() > 4:
        return None
    values = np.zeros(ends.size, np.int64)
    for back in range(int(lengths.max())):
        there = lengths > back
        values[there] = values[there] << 7 | data[ends[there] - back] & 127
    well_formed = (values[:-2:2] == 0x40).all() and values[-2:].tolist() == [160, 7]
    return values[1:-2:2] if well_formed else None


def number_of(attribute: memoryview | None) -> int | None:
    """The whole number below 128 of an attribute; None for any other."""
    if attribute is None:
        return None
    rest = bytes(attribute[next(fields_of(attribute)).stop :])
    return rest[1] if len(rest) == 5 and rest[0] == 0x18 and rest[2:] == b"\xa0\x01\x02" else None


def text_of(attribute: memoryview | None) -> str:
    """The text of an attribute; nothing for any other."""
    return "" if attribute is None else _first_text(attribute, 4)


def tensor_of(attribute: memoryview | None) -> np.ndarray | None:
    """(n,) float64 of an attribute that holds a tensor; None for any other."""
    tensors = [] if attribute is None else [one.content for one in fields_of(attribute) if one.number == 5]
    return doubles_of(tensors[0]) if len(tensors) == 1 else None


def leaves_of(attribute: memoryview | None) -> np.ndarray | None:
    """(n,) bool, which of the nodes are leaves, where all others ask `<=`; None for any other attribute."""
    if attribute is None:
        return None
    rest = bytes(attribute[next(fields_of(attribute)).stop :])
    if not rest.endswith(b"\xa0\x01\x08"):
        return None
    short = rest[:-3].replace(b"\x4a\x0aBRANCH_LEQ", b"\x00").replace(b"\x4a\x04LEAF", b"\x01")
    kinds = np.frombuffer(short, np.uint8)
    return kinds == 1 if kinds.size == 0 or kinds.max() < 2 else None


def _tensor_named(name: str, kind: int) -> bytes:
    """A `ValueInfoProto`: a table of a type of elements."""
    side = written(1, b"")
    table = bytes([8, kind]) + written(2, side + side)
    return written(1, name.encode()) + written(2, written(1, table))
