"""Find the package that --model names."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from iotids.detecting.package.package import MANIFEST, Package, PackageError, open_package

FINAL = Path("out/final")
IN_THE_BOX = "box"
BOX = Path(__file__).parents[2] / "box" / "detector"


def find_package(
    named: str | None,
    *,
    profile: str | None,
    configurations: list[str],
    fetch: Callable[[str, Path], Path],
    unknown: type[Exception],
) -> Package:
    """Open a folder, a name below out/final, or an alias in MLflow's registry; without a name the experiment's own
    package, and where there is none the one in the box.

    Parameters
    ----------
    named : str, optional
        What --model says; `box` is the one that comes with the program. Default: the first of
        `configurations` below out/final if it is there, else `box`.
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
    default = FINAL / configurations[0]
    if named == IN_THE_BOX or (named is None and not default.exists()):
        return open_package(BOX, profile=profile)
    named = named or str(default)
    for folder in (Path(named), FINAL / named):
        if folder.exists():
            return open_package(folder, profile=profile)
    there = (
        ", ".join(sorted(p.parent.name for p in FINAL.glob(f"*/{MANIFEST}")))
        or "none: `dvc repro final` makes them"
    )
    if "/" in named:
        raise PackageError(f"{named}: no such folder; packages below {FINAL}/: {there}")
    place = Path(tempfile.mkdtemp(prefix="detector-"))
    try:
        return open_package(fetch(named, place), profile=profile)
    except ModuleNotFoundError as error:
        place.rmdir()
        extra = f"an alias in MLflow's registry needs {error.name}: pip install 'iotids[experiment]'"
        raise PackageError(f"{named}: no such folder; packages below {FINAL}/: {there}; {extra}") from error
    except unknown as error:
        place.rmdir()  # nothing was copied
        raise PackageError(f"{error}. Packages below {FINAL}/: {there}") from error
