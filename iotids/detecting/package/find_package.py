"""Find the package that --model names."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from iotids.detecting.package.package import MANIFEST, Package, PackageError, open_package

FINAL = Path("out/final")


def find_package(
    named: str | None,
    *,
    profile: str | None,
    configurations: list[str],
    fetch: Callable[[str, Path], Path],
    unknown: type[Exception],
) -> Package:
    """Open a folder, a name below out/final, or an alias in MLflow's registry.

    Parameters
    ----------
    named : str, optional
        What --model says; default: the first of `configurations`, below out/final.
    profile : str, optional
        Refuse a package for another profile of the flow meter.
    fetch, unknown
        Copies a registered package into a folder; and what it raises when nothing is registered under the
        name.

    Raises
    ------
    PackageError
        There is no such package, or it must not be used.
    """
    named = named or str(FINAL / configurations[0])
    for folder in (Path(named), FINAL / named):
        if folder.exists():
            return open_package(folder, profile=profile)
    there = (
        ", ".join(sorted(p.parent.name for p in FINAL.glob(f"*/{MANIFEST}")))
        or "none: `dvc repro final` makes them"
    )
    if "/" in named:
        raise PackageError(f"{named}: no such folder; packages below {FINAL}/: {there}")
    try:
        return open_package(fetch(named, Path(tempfile.mkdtemp(prefix="detector-"))), profile=profile)
    except ModuleNotFoundError as error:
        extra = f"an alias in MLflow's registry needs {error.name}: pip install 'iotids[experiment]'"
        raise PackageError(f"{named}: no such folder; packages below {FINAL}/: {there}; {extra}") from error
    except unknown as error:
        raise PackageError(f"{error}. Packages below {FINAL}/: {there}") from error
