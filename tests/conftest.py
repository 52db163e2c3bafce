"""What several rooms' slow tests share: one finished pipeline per test session.

FINISHED_PROJECT=FOLDER takes one that `python -m tests.project_copy FOLDER` made before, which saves minutes
when one test is run again and again.
"""

import os
from pathlib import Path

import pytest

from tests.project_copy import finished_project


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A copy of the project whose DAG is done under the smoke preset; tests may add to it and must leave its
    results.
    """
    if ready := os.environ.get("FINISHED_PROJECT"):
        return Path(ready)
    return finished_project(tmp_path_factory.mktemp("finished") / "project")
