"""A package is used only when it is whole, unchanged and made for these features and this profile."""

import json

import numpy as np
import onnx
import pytest

from iotids.detecting.package.inference import Model
from iotids.detecting.package.package import MANIFEST, NEEDED_FILES, PackageError, open_package, seal_package
from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES


def resealed(package, **changes):
    """Write the manifest anew with changes, hashes and all, as somebody would who makes packages himself."""
    manifest = {k: v for k, v in package.manifest.items() if k not in ("format", "files", "manifest_sha256")}
    seal_package(package.folder, {**manifest, **changes})


def test_a_package_opens_with_its_features_in_order_and_its_classes(trained):
    assert trained.features == MODEL_FEATURE_NAMES
    assert trained.classes == ("BENIGN", "DOS", "SCANNING")
    assert trained.profile == "clean"


def test_sealing_the_same_files_twice_gives_the_same_bytes(package_copy):
    before = (package_copy.folder / MANIFEST).read_bytes()
    resealed(package_copy)
    assert (package_copy.folder / MANIFEST).read_bytes() == before


@pytest.mark.parametrize("name", NEEDED_FILES)
def test_one_flipped_bit_in_a_file_is_refused_by_name(package_copy, name):
    path = package_copy.folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(PackageError, match=f"{name}: damaged or foreign"):
        open_package(package_copy.folder)


@pytest.mark.parametrize("name", NEEDED_FILES)
def test_a_missing_file_is_refused_by_name(package_copy, name):
    (package_copy.folder / name).unlink()
    with pytest.raises(PackageError, match=f"{name}: listed .* not there"):
        open_package(package_copy.folder)


def test_an_edited_manifest_is_refused(package_copy):
    path = package_copy.folder / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["operating_point"]["log_odds"] = -1000.0
    path.write_text(json.dumps(manifest))
    with pytest.raises(PackageError, match="changed after it was written"):
        open_package(package_copy.folder)


def test_a_manifest_that_is_not_json_is_refused(package_copy):
    (package_copy.folder / MANIFEST).write_bytes(b"\x80\x04\x95 a pickle, perhaps")
    with pytest.raises(PackageError, match="not JSON"):
        open_package(package_copy.folder)


def test_a_folder_without_a_manifest_is_no_package(tmp_path):
    (tmp_path / "model.pkl").write_bytes(b"cos\nsystem\n")
    with pytest.raises(
        PackageError, match=r"not a detector package: it has no package.json \(there: model.pkl\)"
    ):
        open_package(tmp_path)


def test_another_format_is_refused(package_copy):
    path = package_copy.folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(PackageError, match="format 99"):
        open_package(package_copy.folder)


def test_a_path_that_leads_out_of_the_folder_is_refused(package_copy):
    manifest = json.loads((package_copy.folder / MANIFEST).read_text())
    manifest["files"]["../escape"] = manifest["files"].pop("gradient.onnx")
    manifest["files"]["gradient.onnx"] = manifest["files"]["../escape"]
    from iotids.detecting.package.package import _digest_of

    manifest["manifest_sha256"] = _digest_of(manifest)
    (package_copy.folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(PackageError, match="escape"):
        open_package(package_copy.folder)


def test_another_profile_is_refused_with_what_to_do(trained):
    with pytest.raises(PackageError, match="profile 'clean', but 'paper' was asked for"):
        open_package(trained.folder, profile="paper")


def test_features_in_another_order_are_refused(trained):
    swapped = [MODEL_FEATURE_NAMES[1], MODEL_FEATURE_NAMES[0], *MODEL_FEATURE_NAMES[2:]]
    with pytest.raises(PackageError, match="position 0: 'flow_duration_us', not 'fwd_packets'"):
        open_package(trained.folder, features=swapped)


def test_a_feature_that_the_meter_does_not_compute_is_refused(package_copy):
    resealed(package_copy, features=["colour", *MODEL_FEATURE_NAMES[1:]])
    with pytest.raises(PackageError, match="wants the features colour"):
        open_package(package_copy.folder)


def test_a_model_file_with_other_features_than_the_manifest_is_refused(package_copy):
    resealed(package_copy, features=list(reversed(MODEL_FEATURE_NAMES)))
    with pytest.raises(PackageError, match="features in the model file are not those"):
        Model(open_package(package_copy.folder))


def test_a_file_that_is_no_model_is_refused_even_with_the_right_hash(package_copy):
    (package_copy.folder / "model.onnx").write_bytes(b"\x80\x04 not a graph")
    resealed(package_copy)
    with pytest.raises(PackageError, match=r"model.onnx: damaged, not an ONNX model"):
        Model(open_package(package_copy.folder))


def test_a_graph_of_the_gradient_for_other_flows_is_refused_by_name_and_in_one_line(package_copy, capfd):
    path = package_copy.folder / "gradient.onnx"
    graph = onnx.load(path)
    graph.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1
    onnx.save(graph, path)
    resealed(package_copy)
    model, flows = Model(open_package(package_copy.folder)), np.ones((3, len(package_copy.features)))
    with pytest.raises(PackageError, match=r"gradient.onnx: not a model that onnxruntime"):
        model.gradient(flows, np.ones((3, len(package_copy.classes)), np.float32))
    assert capfd.readouterr() == ("", "")


def test_a_damaged_tensor_is_named_in_the_error_and_nowhere_else(package_copy, capfd):
    path = package_copy.folder / "model.onnx"
    graph = onnx.load(path)
    graph.graph.initializer[0].raw_data += b"more"
    onnx.save(graph, path)
    resealed(package_copy)
    with pytest.raises(PackageError, match=r"model.onnx: not a model that onnxruntime"):
        Model(open_package(package_copy.folder))
    assert capfd.readouterr() == ("", "")
