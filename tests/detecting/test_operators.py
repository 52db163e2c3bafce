"""A package's graphs hold the operators that exporters write and no others, and take a bounded amount of memory."""

import ast
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from iotids.commands import detect
from iotids.detecting.package.inference import LARGEST_MEMORY, Model
from iotids.detecting.package.operators import MOST_PARTS, OPERATORS, check_operators
from iotids.detecting.package.package import ONNX, PackageError
from iotids.learning.baselines.onnx.scikit import scikit_onnx
from iotids.learning.networks.layers import activations
from tests.detecting.test_package import resealed
from tests.packets import write_pcap

ROOT = Path(__file__).resolve().parents[2]
LEARNING = ROOT / "iotids" / "learning"
# of the classifiers that skl2onnx converts without a loop those that bring operators of their own
CONVERTED = ("AdaBoost", "Bagging", "BernoulliNB", "CalibratedClassifierCV", "ExtraTree", "LogisticRegressionCV", "MLP",
             "QuadraticDiscriminantAnalysis", "SVC")  # fmt: skip


def operators_of(model):
    return {(node.domain, node.op_type) for node in model.graph.node}


def named_in_sources():
    """First arguments of `node(…)` and `make_node(…)` in the exporters, but for those of the integer forms."""
    found = set(activations.OPERATORS.values())
    for path in LEARNING.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(
                getattr(call, "func", None), "id", getattr(getattr(call, "func", None), "attr", "")
            )
            if name in ("node", "make_node") and call.args and isinstance(call.args[0], ast.Constant):
                found.add(call.args[0].value)
    return found - {"DequantizeLinear"}


def scikit_models():
    """Classifiers of scikit-learn in the form that skl2onnx gives them, for two and for four classes."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils import all_estimators

    kinds, rng = dict(all_estimators(type_filter="classifier")), np.random.default_rng(0)
    for name in CONVERTED:
        kind = kinds.get(name) or kinds[f"{name}Classifier"]
        settings = {"max_iter": 20} if name == "MLP" else {}
        for n_classes in (2, 4):
            truth = np.arange(120) % n_classes
            model = make_pipeline(StandardScaler(), kind(**settings))
            model.fit(rng.normal(size=(120, 6)) + truth[:, None], truth)
            yield scikit_onnx(model, "standard", np.arange(n_classes), n_classes)


def test_the_list_is_what_exporters_and_the_converter_write(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = list(scikit_models())
    written = {("ai.onnx.ml" if "Tree" in name else "", name) for name in named_in_sources()}
    for content in models:
        (tmp_path / "m.onnx").write_bytes(content)
        check_operators(tmp_path / "m.onnx")
        written |= operators_of(onnx.load_from_string(content))
    written |= {("", name) for name in ("Abs", "Neg", "Exp")}  # a tuple of steps in conditional_vae_fitted.py
    assert written == {(domain, name) for domain, names in OPERATORS.items() for name in names}


def body():
    """A graph that could be a loop's or a branch's."""
    condition = helper.make_tensor_value_info("kept", TensorProto.BOOL, [])
    return helper.make_graph([helper.make_node("Identity", ["go"], ["kept"])], "body", [], [condition])


def hostile_nodes():
    with_graph = helper.make_node("Add", ["a", "b"], ["c"], name="a")
    with_graph.attribute.append(helper.make_attribute("body", body()))
    branches = {"then_branch": body(), "else_branch": body()}
    return {
        "the operator 'Loop' of the domain 'ai.onnx'": helper.make_node("Loop", ["n", "go"], ["c"], body=body()),
        "the operator 'Scan' of the domain 'ai.onnx'": helper.make_node("Scan", ["a"], ["c"], body=body(), num_scan_inputs=1),
        "the operator 'If' of the domain 'ai.onnx'|graphs within": helper.make_node("If", ["go"], ["c"], **branches),
        "graphs within the graph": with_graph,
        "the operator 'Tile' of the domain 'ai.onnx'": helper.make_node("Tile", ["a", "b"], ["c"]),
        "the operator 'Resize' of the domain 'ai.onnx'": helper.make_node("Resize", ["a", "", "b"], ["c"]),
        "the operator 'Add' of the domain 'com.elsewhere'": helper.make_node("Add", ["a", "b"], ["c"], domain="com.elsewhere"),
        "the operator 'Gemm' of the domain 'com.microsoft'": helper.make_node("Gemm", ["a", "b"], ["c"], domain="com.microsoft"),
    }  # fmt: skip


@pytest.mark.parametrize("refusal", hostile_nodes())
def test_detect_refuses_a_foreign_operator_in_one_line(package_copy, tmp_path, monkeypatch, capfd, refusal):
    path = package_copy.folder / ONNX
    model = onnx.load(path)
    model.graph.node.append(hostile_nodes()[refusal])
    path.write_bytes(model.SerializeToString())
    resealed(package_copy)
    write_pcap(tmp_path / "a.pcap", [])
    words = ["detect", str(tmp_path / "a.pcap"), "--model", str(package_copy.folder), "-o", str(tmp_path / "v.csv")]  # fmt: skip
    monkeypatch.setattr(sys, "argv", words)
    assert detect.main() == 2
    said = capfd.readouterr().err.removesuffix("\n")
    assert any(f"{ONNX}: holds {one}" in said for one in refusal.split("|"))
    assert "dvc repro final" in said and "\n" not in said
    assert "allowed are of ai.onnx Abs, Add" in said or "single operators" in said


def parts_of_two_bytes(model, field):
    """A model with very many empty messages in one place: a list of tensors, notes on values, inputs of a node."""
    tags = {"tensors": b"\x52\x00", "values": b"\x6a\x00", "inputs": b"\x0a\x00"}
    many = tags[field] * (MOST_PARTS + 1)
    node = model.graph.node[0]
    if field == "tensors":
        node.attribute.add().MergeFromString(many)
    else:
        (model.graph if field == "values" else node).MergeFromString(many)


def functions(model):
    model.functions.add().name = "f"


def sparse(model):
    model.graph.sparse_initializer.add().dims.append(10**9)


@pytest.mark.parametrize(
    "change, refusal",
    [
        (lambda model: parts_of_two_bytes(model, "tensors"), "lists of tensors"),
        (lambda model: parts_of_two_bytes(model, "values"), f"more than {MOST_PARTS:,} nodes"),
        (lambda model: parts_of_two_bytes(model, "inputs"), f"more than {MOST_PARTS:,} nodes"),
        (functions, "functions"),
        (sparse, "sparse constants"),
    ],
)
def test_parts_that_no_exporter_writes_are_refused_by_name(package_copy, change, refusal):
    path = package_copy.folder / ONNX
    model = onnx.load(path)
    change(model)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(PackageError, match=f"holds {refusal}"):
        check_operators(path)


def test_a_file_that_ends_within_a_field_is_damaged(package_copy):
    path = package_copy.folder / ONNX
    content = path.read_bytes()
    for size in (1, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(PackageError, match="damaged, not an ONNX model"):
            check_operators(path)


def growing(kind):
    """Nodes and constants between `features` and a sum `grown` that ask for 16 GB or more."""
    big = 4_000_000_000
    line = numpy_helper.from_array(np.ones((1, 8000), np.float32), "line")
    column = numpy_helper.from_array(np.ones((8000, 1), np.float32), "column")
    shape = numpy_helper.from_array(np.array([1, big]), "shape")
    pads = numpy_helper.from_array(np.array([0, 0, 0, big]), "pads")
    one = numpy_helper.from_array(np.ones((1, 1), np.float32), "single")
    total = helper.make_node("ReduceSum", ["large"], ["grown"], keepdims=0)
    if kind == "constants":  # 64 products of constants, 256 MB each, that would all be kept
        product = [helper.make_node("MatMul", ["column", "line"], [f"large{i}"]) for i in range(64)]
        sums = [helper.make_node("Add", [f"large{i}", "of_features"], [f"larger{i}"]) for i in range(64)]
        ends = [helper.make_node("Gather", [f"larger{i}", "first"], [f"end{i}"]) for i in range(64)]
        some = helper.make_node("Sum", [f"end{i}" for i in range(64)], ["some"])
        scalar = helper.make_node("ReduceSum", ["some"], ["grown"], keepdims=0)
        first = numpy_helper.from_array(np.array([0]), "first")
        return [*product, *sums, *ends, some, scalar], [line, column, first]
    nodes = {
        "Expand": (helper.make_node("Expand", ["single", "shape"], ["large"]), [one, shape]),
        "Pad": (helper.make_node("Pad", ["as_float", "pads"], ["large"]), [pads]),
        "ConstantOfShape": (helper.make_node("ConstantOfShape", ["shape"], ["large"]), [shape]),
    }
    return [nodes[kind][0], total], nodes[kind][1]


def grown(model, kind):
    """Let the logits depend on something large."""
    nodes, values = growing(kind)
    logits = next(node for node in model.graph.node if "logits" in node.output)
    logits.output[:] = ["small_logits"]
    before = [
        helper.make_node("Cast", ["features"], ["as_float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["as_float"], ["of_features"], keepdims=0),
    ]
    after = helper.make_node("Add", ["small_logits", "grown"], ["logits"])
    model.graph.node.extend([*before, *nodes, after])
    model.graph.initializer.extend(values)


OPENS = """
import sys
from iotids.detecting.package.inference import Model
from iotids.detecting.package.package import PackageError, open_package
try:
    Model(open_package(sys.argv[1]))
    print("opened")
except PackageError as error:
    print(error)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peaks of memory are read from /proc")
@pytest.mark.parametrize("kind", ["Expand", "Pad", "ConstantOfShape", "constants"])
def test_a_graph_that_grows_stays_within_the_memory_of_open_graphs(package_copy, kind):
    path = package_copy.folder / ONNX
    model = onnx.load(path)
    grown(model, kind)
    path.write_bytes(model.SerializeToString())
    resealed(package_copy)
    done = subprocess.run(
        [sys.executable, "-c", OPENS, str(package_copy.folder)], cwd=ROOT, capture_output=True, text=True
    )
    *said, peak_kb = done.stdout.splitlines()
    refused = f"{ONNX}: not a model that onnxruntime" in said[0]
    assert refused or (kind == "constants" and said == ["opened"]), done.stderr  # one after another they fit
    assert int(peak_kb) * 1024 < LARGEST_MEMORY + (300 << 20)


def test_the_gradient_is_checked_too(package_copy):
    path = package_copy.folder / "gradient.onnx"
    model = onnx.load(path)
    model.graph.node.append(helper.make_node("Tile", ["a", "b"], ["c"]))
    path.write_bytes(model.SerializeToString())
    resealed(package_copy)
    n, k = len(package_copy.features), len(package_copy.classes)
    with pytest.raises(PackageError, match="gradient.onnx: holds the operator 'Tile'"):
        Model(package_copy).gradient(np.zeros((1, n)), np.zeros((1, k), np.float32))
