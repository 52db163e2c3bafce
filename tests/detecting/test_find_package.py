"""Which package is used when none is named, and what is said where there is none."""

import shutil

import pytest

from iotids.detecting.package.find_package import BOX, find_package
from iotids.detecting.package.package import PackageError
from tests.detecting.lab import make_package


class UnknownError(Exception):
    pass


def find(named=None):
    def fetch(name, folder):
        raise UnknownError(f"nothing is registered as {name}")

    return find_package(
        named, profile=None, configurations=["multiclass-x"], fetch=fetch, unknown=UnknownError
    )


def test_the_first_configuration_below_out_final_is_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package = make_package(tmp_path / "package")
    shutil.copytree(package.folder, tmp_path / "out/final/multiclass-x")
    assert find().folder.resolve() == tmp_path / "out/final/multiclass-x"
    assert find("multiclass-x").folder == find().folder


def test_without_a_package_of_the_experiment_the_one_in_the_box_is_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find().folder == BOX


def test_the_box_can_be_named_beside_a_package_of_the_experiment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(make_package(tmp_path / "package").folder, tmp_path / "out/final/multiclass-x")
    assert find("box").folder == BOX


def test_of_a_name_that_is_nowhere_the_way_to_a_package_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PackageError, match="none: `dvc repro final` makes them"):
        find("nowhere")
