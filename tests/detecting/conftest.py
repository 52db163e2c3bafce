"""One trained package for all tests of the detector."""

import shutil

import pytest

from iotids.detecting.package.package import open_package
from tests.detecting.lab import make_package


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A package that tests only read."""
    return make_package(tmp_path_factory.mktemp("detector") / "lab")


@pytest.fixture
def package_copy(trained, tmp_path):
    """A copy that a test may damage."""
    return open_package(shutil.copytree(trained.folder, tmp_path / "copy"))
