"""How the rows of a table were made (flow meter, profile, timeouts; or a published release), in the table's own metadata; and whether two agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

SETTINGS = ("profile", "flow_timeout_s", "activity_timeout_s", "idle_timeout_s", "tunnels")
RELEASE = "release"  # of a published table, whose records have features of their own
KEYS = ("meter", *SETTINGS, RELEASE, "imported_from", "imported_by")
Origin = dict[str, str]


def imported_origin(files: Iterable[str], version: str, release: str = "") -> Origin:
    """Origin of rows that another tool made: their files, the version that read them, and their release if they are of one."""
    said = {RELEASE: release} if release else {}
    return {
        "meter": "another tool",
        **said,
        "imported_from": ", ".join(files),
        "imported_by": f"iotids {version}",
    }


def origin_of(schema: pa.Schema) -> Origin:
    """What a schema says of its flows' origin; empty for tables that do not say."""
    metadata = schema.metadata or {}
    return {
        key: metadata[key.encode()].decode("utf-8", "replace") for key in KEYS if key.encode() in metadata
    }


def origin_of_file(path: Path) -> Origin:
    """What a Parquet file says of its flows' origin; errors as `writing.tables.schema_of_table`."""
    from iotids.writing.tables import schema_of_table

    return origin_of(schema_of_table(path))


def with_origin(schema: pa.Schema, origin: Mapping[str, str]) -> pa.Schema:
    """The schema with this origin in its metadata; what else its metadata holds stays."""
    other = {key: value for key, value in (schema.metadata or {}).items() if key.decode() not in KEYS}
    return schema.with_metadata({**other, **{key.encode(): value.encode() for key, value in origin.items()}})


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Settings that both state and that differ, as `profile clean and paper`; numbers are compared as numbers.

    Records of a release differ from those of any other release and from flows.
    """
    if one.get(RELEASE) != other.get(RELEASE) and one and other:
        return [f"{_kind_of_rows(one)} and {_kind_of_rows(other)}"]
    both = [key for key in SETTINGS if key in one and key in other]
    return [f"{key} {one[key]} and {other[key]}" for key in both if not _same(one[key], other[key])]


def merged_origin(origins: Mapping[str, Origin]) -> Origin:
    """Origin of the flows of several tables together, by the tables' names: what all of them state alike.

    Raises
    ------
    ValueError
        Two tables were metered differently, or are of different releases; both are named.
    """
    _check_releases(origins)
    stated: dict[str, tuple[str, Origin]] = {}
    for name, origin in origins.items():
        for key in set(origin) & set(SETTINGS):
            first, its_origin = stated.setdefault(key, (name, origin))
            if found := differences(its_origin, origin):
                raise ValueError(
                    f"{first} and {name} were metered differently ({'; '.join(found)}), so that their features mean "
                    "different things; meter both with the same settings"
                )
    return {key: value for key, value in _shared(list(origins.values())).items() if key in KEYS}


def without_profile(origins: Mapping[str, Origin]) -> list[str]:
    """Names of tables of flows that do not say with which profile they were metered."""
    return [name for name, origin in origins.items() if "profile" not in origin and RELEASE not in origin]


def _check_releases(origins: Mapping[str, Origin]) -> None:
    """Refuse (ValueError) records of a release beside flows or another release."""
    stated = [(name, origin) for name, origin in origins.items() if origin]
    for name, origin in stated[1:]:
        first, its_origin = stated[0]
        if origin.get(RELEASE) != its_origin.get(RELEASE):
            raise ValueError(
                f"{first} and {name} do not go into one dataset ({_kind_of_rows(its_origin)} and {_kind_of_rows(origin)}): "
                "their features mean different things; make a dataset of each"
            )


def _kind_of_rows(origin: Mapping[str, str]) -> str:
    """What a table's rows are, in words."""
    if RELEASE in origin:
        return f"records of {origin[RELEASE]}"
    return f"flows of profile {origin['profile']}" if "profile" in origin else "flows of another tool"


def _shared(origins: Iterable[Origin]) -> Origin:
    """Entries that all have with the same value."""
    first, *others = origins
    return {key: value for key, value in first.items() if all(one.get(key) == value for one in others)}


def _same(one: str, other: str) -> bool:
    """Whether two values are equal, as numbers where both are some."""
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other
