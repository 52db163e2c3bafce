"""What the machine has for a stage: cores, and memory that it may take before it is killed for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def usable_cores() -> int:
    """Cores that this process may use: no more than LOKY_MAX_CPU_COUNT, its share where `make` runs stages side by side (joblib obeys it, too)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = os.environ.get("LOKY_MAX_CPU_COUNT", "")
    return min(cores, max(int(share), 1)) if share.isdigit() else cores


def available_memory_bytes(
    meminfo: Path = Path("/proc/meminfo"),
    cgroup: Path = Path("/sys/fs/cgroup"),
    own_groups: Path = Path("/proc/self/cgroup"),
) -> int:
    """Give the memory that can still be taken, the limits of the process' control groups counted in (versions 1 and 2).

    Linux tells (MemAvailable); elsewhere half of the installed memory is assumed.
    """
    free = _meminfo_bytes(meminfo)
    if free is None:
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return min([free, *(left for folder in _groups(cgroup, own_groups) for left in _left_in(folder))])


def _groups(cgroup: Path, own_groups: Path) -> Iterator[Path]:
    """Folders of the groups that may limit this process' memory: its own, those above it, and the root."""
    lines = own_groups.read_text().splitlines() if own_groups.is_file() else []
    paths = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
    for controller, root in (("", cgroup), ("memory", cgroup / "memory")):
        inside = Path(paths.get(controller, "/").lstrip("/"))
        yield from (root / part for part in (inside, *inside.parents))


def _left_in(folder: Path) -> Iterator[int]:
    """What a group may still take; nothing where it has no limit. Pages of files that nobody needs now count as free."""
    for limit_name, used_name in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            limit, used = (int((folder / name).read_text()) for name in (limit_name, used_name))
        except (OSError, ValueError):  # no container, or no limit ("max")
            continue
        stat = _stat(folder / "memory.stat")
        idle = int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))
        yield max(limit - max(used - idle, 0), 0)


def _stat(path: Path) -> dict[str, str]:
    """The figures of memory.stat by name; none where there is no such file."""
    return dict(line.split(maxsplit=1) for line in path.read_text().splitlines()) if path.is_file() else {}


def _meminfo_bytes(path: Path) -> int | None:
    """Read MemAvailable; None where the system does not tell."""
    if not path.is_file():
        return None
    for line in path.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None
