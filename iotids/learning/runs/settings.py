"""A kind's settings from a mapping: unknown names, wrong types and missing values are refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, TypeVar, get_args, get_type_hints

T = TypeVar("T")

WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "null"}


def read_settings(kind: type[T], given: Mapping[str, Any], *, where: str) -> T:
    """An instance of the dataclass `kind`; `where` begins the messages.

    Raises
    ------
    KeyError
        An unknown name (the known ones are listed), or one without a default is missing.
    ValueError
        A value of another type, or what the dataclass itself refuses.
    """
    declared = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(given) - set(declared)):
        known = f"known are {', '.join(declared)}" if declared else "it has none"
        raise KeyError(f"{where}: unknown setting {', '.join(unknown)}; {known}")
    required = {n for n, field in declared.items() if MISSING is field.default is field.default_factory}
    if missing := sorted(required - set(given)):
        raise KeyError(f"{where}: missing setting {', '.join(missing)}")
    hints = get_type_hints(kind)
    for name, value in given.items():
        allowed = get_args(hints[name]) if isinstance(hints[name], UnionType) else (hints[name],)
        if not any(_fits(value, one) for one in allowed):
            wanted = " or ".join(WORDS.get(one, one.__name__) for one in allowed)
            raise ValueError(f"{where}: {name} is {value!r}; wanted is {wanted}")
    return kind(**given)


def _fits(value: Any, hint: type) -> bool:
    """Whether a value from YAML has the type; whole numbers are numbers, true and false are neither."""
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return isinstance(value, hint)
