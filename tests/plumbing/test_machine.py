"""The memory that a stage may take, where a control group limits it."""

import pytest

from iotids.plumbing.machine import available_memory_bytes, usable_cores

GIB = 2**30


def write_files(folder, **contents):
    """Files by name (a dot for the first underscore)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name.replace("memory_", "memory.", 1)).write_text(f"{content}\n")


@pytest.fixture
def free(tmp_path):
    """What is free of 20 GiB, with the lines of /proc/self/cgroup."""
    (tmp_path / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable: {20 * GIB // 1024} kB\n")

    def ask(*lines):
        (tmp_path / "own").write_text("".join(f"{line}\n" for line in lines))
        return available_memory_bytes(tmp_path / "meminfo", tmp_path / "groups", tmp_path / "own")

    return ask


def test_a_stage_takes_no_more_cores_than_its_share(monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert usable_cores() == 1
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "9999")
    share = usable_cores()
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT")
    assert share == usable_cores()


def test_without_a_limit_it_is_what_the_system_has(free, tmp_path):
    write_files(tmp_path / "groups", memory_max="max", memory_current=GIB)
    assert free("0::/") == 20 * GIB


def test_a_container_s_limit_counts(free, tmp_path):
    write_files(tmp_path / "groups", memory_max=4 * GIB, memory_current=GIB)
    assert free("0::/") == 3 * GIB


def test_the_limit_of_the_process_own_group_counts_and_of_those_above_it(free, tmp_path):
    write_files(tmp_path / "groups/user/job", memory_max=6 * GIB, memory_current=GIB)
    assert free("0::/user/job") == 5 * GIB
    write_files(tmp_path / "groups/user", memory_max=4 * GIB, memory_current=2 * GIB)
    assert free("0::/user/job") == 2 * GIB


def test_version_1_counts_and_pages_of_files_can_be_taken_back(free, tmp_path):
    own = tmp_path / "groups/memory/job"
    write_files(own, memory_limit_in_bytes=4 * GIB, memory_usage_in_bytes=3 * GIB)
    assert free("4:memory:/job", "1:cpu:/", "0::/") == GIB
    write_files(own, memory_stat=f"cache 5\ntotal_inactive_file {2 * GIB}")
    assert free("4:memory:/job", "1:cpu:/", "0::/") == 3 * GIB
