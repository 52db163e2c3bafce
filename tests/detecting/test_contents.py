"""A wrong value in a package is named, also where somebody sealed it again with right hashes."""

import json

import pytest

from iotids.detecting.package.inference import Model
from iotids.detecting.package.package import (
    MANIFEST,
    ONNX,
    REFERENCE,
    PackageError,
    open_package,
    seal_package,
)
from tests.fuzz.fuzz_package import places, use


def sealed_again(package, changed):
    """The package with a change to its manifest."""
    manifest = json.loads((package.folder / MANIFEST).read_text())
    changed(manifest)
    kept = {k: v for k, v in manifest.items() if k not in ("format", "files", "manifest_sha256")}
    seal_package(package.folder, kept)
    return package.folder


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("classes", "BENIGN", "classes is 'BENIGN'"),
        ("classes", ["BENIGN", "BENIGN"], "classes is"),
        ("benign", "NONE", "benign is 'NONE'"),
        ("features", [], "features is"),
        ("meter", {}, "meter is {}"),
        ("meter.profile", "none", "meter.profile is 'none'; it must be one of original"),
        ("meter.idle_timeout_s", -1, "meter: idle timeout"),
        ("meter.tunnels", "through", "tunnels is 'through'"),
        ("calibration.temperature", 0, "calibration.temperature is 0"),
        ("operating_point.log_odds", None, "operating_point.log_odds is None"),
        ("operating_point.measured", 3, "operating_point.measured is 3"),
        ("training.flows", 1.5, "training is"),
        ("cross_validation", {"grouped": 1}, "cross_validation is"),
        ("doubts", "none", "doubts is 'none'"),
        ("abstention", {"coverage": 2}, "abstention is"),
    ],
)
def test_a_wrong_value_of_the_manifest_is_named(package_copy, place, value, said):
    def change(manifest):
        *way, last = place.split(".")
        for key in way:
            manifest = manifest[key]
        manifest[last] = value

    with pytest.raises(PackageError, match="package.json") as refused:
        open_package(sealed_again(package_copy, change))
    assert said in str(refused.value)


@pytest.mark.parametrize("change", ["removed", "null", "odd"])
def test_a_package_without_any_one_value_is_refused_or_can_be_used(package_copy, change):
    content = json.loads((package_copy.folder / MANIFEST).read_text())
    results = {True: 0, False: 0}  # opened, or refused
    for place in places(content):

        def spoil(manifest, place=place):
            *way, last = place
            for key in way:
                manifest = manifest[key]
            if change == "removed":
                del manifest[last]
            else:
                manifest[last] = None if change == "null" else [{"": [None]}]

        if place[0] not in ("files", "format", "manifest_sha256"):
            results[use(sealed_again(package_copy, spoil), fully=True)] += 1
            sealed_again(package_copy, lambda manifest: manifest.update(content))
    assert min(results.values()) > 5


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("benign_median", [1.0], "benign_median is"),
        ("drift", {}, "drift is {}"),
        ("novelty", None, "novelty is None"),
        ("novelty.spread", [0.0] * 70, "novelty.spread is"),
        ("novelty.prototypes", [], "novelty.prototypes is []"),
        ("novelty.threshold", -1.0, "novelty.threshold is -1.0"),
        ("log_odds_quantiles", {"DOS": [2.0, 1.0]}, "log_odds_quantiles is"),
    ],
)
def test_a_wrong_value_of_the_reference_is_named(package_copy, place, value, said):
    reference = json.loads((package_copy.folder / REFERENCE).read_text())
    *way, last = place.split(".")
    part = reference
    for key in way:
        part = part[key]
    part[last] = value
    (package_copy.folder / REFERENCE).write_text(json.dumps(reference))
    with pytest.raises(PackageError, match="reference.json") as refused:
        open_package(sealed_again(package_copy, lambda manifest: None))
    assert said in str(refused.value)


@pytest.mark.parametrize("content", [b"[" * 200_000, b"9" * 5_000, b"\xff\xfe", b"", b"null"])
def test_json_that_cannot_be_read_is_refused(package_copy, content):
    (package_copy.folder / MANIFEST).write_bytes(content)
    with pytest.raises(PackageError, match="package.json"):
        open_package(package_copy.folder)


def test_a_graph_that_gives_other_shapes_or_breaks_off_is_refused(package_copy):
    import onnx

    path = package_copy.folder / ONNX
    model = onnx.load_from_string(path.read_bytes())
    for value in model.graph.initializer:
        if value.name == "bias_0":
            value.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(value)[:5], "bias_0"))
    path.write_bytes(model.SerializeToString())
    package = open_package(sealed_again(package_copy, lambda manifest: None))
    with pytest.raises(PackageError, match=r"model.onnx: not a model that onnxruntime"):
        Model(package)
