"""Which package is used when none is named."""

import shutil

import pytest

from iotids.detecting.package import find_package as finding
from iotids.detecting.package.package import PackageError
from tests.detecting.lab import make_package


class UnknownError(Exception):
    pass


def find(named=None):
    def fetch(name, folder):
        raise UnknownError(f"nothing is registered as {name}")

    return finding.find_package(
        named, profile=None, configurations=["multiclass-x"], fetch=fetch, unknown=UnknownError
    )


@pytest.fixture
def box(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(finding, "BOX", tmp_path / "box")
    return make_package(tmp_path / "box")


def test_without_a_package_of_ones_own_the_detector_in_the_box_is_used(box):
    assert find().folder == box.folder


def test_a_package_of_ones_own_comes_before_the_box(box, tmp_path):
    shutil.copytree(box.folder, tmp_path / "out/final/multiclass-x")
    assert find().folder.resolve() == tmp_path / "out/final/multiclass-x"


def test_a_name_that_is_nowhere_is_an_error_although_there_is_a_box(box):
    with pytest.raises(PackageError, match=r"out/final/other: no such folder; packages below out/final/"):
        find("out/final/other")


def test_without_box_and_package_the_way_to_one_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(finding, "BOX", tmp_path / "none")
    with pytest.raises(PackageError, match="none: `dvc repro final` makes them"):
        find()
