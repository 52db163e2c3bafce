"""What several rooms' slow tests share: one finished pipeline per test session."""

import pytest

from tests.project_copy import finished_project


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A copy of the project whose DAG is done under the smoke preset; tests may add to it and must leave its results."""
    return finished_project(tmp_path_factory.mktemp("finished") / "project")
