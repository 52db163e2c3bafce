"""What a source's entry in the parameters can say, for each kind of ground truth; paths are relative to
`data.root` where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar

T = TypeVar("T")
_NOT_OURS = {"kind", "folder", "watch"}


@dataclass(frozen=True)
class PacketFilters:
    """D1: a table of packet filters; captures it does not name must fit `benign_captures` and are benign."""

    rules: str
    categories: dict[str, str] | None = None
    benign_captures: str = "benign"


@dataclass(frozen=True)
class Folders:
    """D2: folders name the attack, `hosts` the attackers; `background` is a class, or empty to keep other
    flows apart.
    """

    hosts: str
    categories: dict[str, str] | None = None
    background: str = ""


@dataclass(frozen=True)
class MacList:
    """D3: `devices` lists MAC addresses; `iot_only` keeps flows without an IoT device apart."""

    devices: str
    iot_only: bool = False


@dataclass(frozen=True)
class Zeek:
    """D4: connection logs beside the captures; `families` chooses scenarios by malware, `background` as for
    folders.
    """

    families: tuple[str, ...] | list[str] = ("Mirai",)
    background: str = ""
    categories: dict[str, str] | None = None
    scenarios: str = ""
    tolerance_s: float = 1.0


@dataclass(frozen=True)
class LabelTable:
    """A table with a class per capture; rows with a rule of their own find it in `rules`, a file of the
    project.
    """

    table: str
    rules: str = ""


@dataclass(frozen=True)
class OwnRules:
    """Your own captures: a YAML or CSV of rules; `group_by` is capture or folder."""

    rules: str
    group_by: str = "capture"


def read_options(source: str, options: Mapping[str, Any], kind: type[T]) -> T:
    """Read a source's entry as the options of its kind.

    Raises
    ------
    KeyError
        An unknown or missing option, by name.
    """
    given = {key: value for key, value in options.items() if key not in _NOT_OURS}
    known = {field.name: field.default is MISSING for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(given) - set(known)):
        raise KeyError(
            f"data.sources.{source}: unknown option {', '.join(unknown)} for kind {options['kind']}; known are {', '.join(known)}"
        )
    if missing := [name for name, is_required in known.items() if is_required and name not in given]:
        raise KeyError(
            f"data.sources.{source}: option {', '.join(missing)} is missing for kind {options['kind']}"
        )
    return kind(**given)
