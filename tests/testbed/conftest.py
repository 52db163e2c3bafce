"""One small and, for the slow tests, one full sample, each written once per test run."""

from __future__ import annotations

from pathlib import Path

import pytest

from iotids.testbed.sample import write_sample
from tests.testbed.measured import SMALL_SCALE, Sample, metered_sample


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a small sample."""
    folder = tmp_path_factory.mktemp("small")
    write_sample(folder, seed=7, scale=SMALL_SCALE)
    return folder


@pytest.fixture(scope="session")
def small_sample(small_folder: Path) -> Sample:
    """Meter and label the small sample."""
    return metered_sample(small_folder, seed=7, scale=SMALL_SCALE)


@pytest.fixture(scope="session")
def full_sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Write, meter and label the sample as it is published."""
    folder = tmp_path_factory.mktemp("full")
    write_sample(folder, seed=7)
    return metered_sample(folder, seed=7, scale=1.0)
