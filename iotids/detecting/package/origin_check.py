"""Flow tables that are to be judged must be metered as a package's training flows were."""

from __future__ import annotations

from collections.abc import Mapping

from iotids.detecting.package.package import Package
from iotids.writing.table_origin import Origin, differences, without_profile


def check_origin(package: Package, origins: Mapping[str, Origin]) -> list[str]:
    """Compare tables, by name, with the package; gives sentences about those that do not say how they were metered.

    Raises
    ------
    ValueError
        A table was metered with other settings.
    """
    own = {name: str(value) for name, value in package.manifest["meter"].items()}
    for name, origin in origins.items():
        if found := differences(origin, own):
            raise ValueError(
                f"{name} is metered otherwise than {package.manifest['name']} wants ({'; '.join(found)}): its features "
                f"mean other things; meter the captures again with --profile {package.profile} and the package's timeouts"
            )
    return [
        f"{name} does not say with which profile it was metered; {package.manifest['name']} wants {package.profile}"
        for name in without_profile(origins)
    ]
