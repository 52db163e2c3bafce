"""Arguments of kernels as the words of memory that compiled functions take for them, and as what they are compiled for."""

from __future__ import annotations

import ctypes
import functools
import operator
import struct
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
CONTIGUOUS_ALIGNED = 0x101  # bits of ndarray.flags.num
ADDRESS, DATA_OFFSET = (
    ctypes.c_size_t,
    object.__basicsize__,
)  # of an array's data, which follows the head of the object
NUMBER, FRACTION = struct.Struct("q"), struct.Struct("d")
# of an array by its dimensions: owner and parent, of which kernels have none; items, bytes of one, where they lie;
# the length and the step of each dimension
ARRAYS = tuple(struct.Struct(f"{5 + 2 * dimensions}q") for dimensions in range(4))


class BundleKinds(tuple[Any, ...]):
    """Kinds of what a tuple holds, behind the tuple's type; there is one object for equal ones, so that they are compared fast."""

    __slots__ = ()
    __eq__, __hash__ = object.__eq__, object.__hash__


@functools.cache
def _kinds_of_bundle(kinds: tuple[Any, ...]) -> BundleKinds:
    """The one object for some kinds."""
    return BundleKinds(kinds)


def flatten(values: Iterable[Any], kinds: list[Any], words: list[bytes]) -> None:
    """Append the kinds of some arguments, and their words.

    Raises
    ------
    TypeError
        For what is neither array nor number nor a tuple of such.
    """
    for value in values:
        if isinstance(value, np.ndarray):
            kinds.append((value.dtype, value.ndim, value.flags.num & CONTIGUOUS_ALIGNED))
            at = ADDRESS.from_address(
                id(value) + DATA_OFFSET
            ).value  # as .ctypes.data, in a fifth of the time
            pack = ARRAYS[value.ndim].pack
            words.append(pack(0, 0, value.size, value.itemsize, at, *value.shape, *value.strides))
        elif isinstance(value, tuple):
            inner_kinds, inner_words = _flat(value)
            kinds.append(inner_kinds)
            words.append(inner_words)
        elif isinstance(value, (float, np.floating)):
            kinds.append(float)
            words.append(FRACTION.pack(value))
        else:
            kinds.append(int)
            words.append(NUMBER.pack(operator.index(value)))


def _flat(value: tuple[Any, ...]) -> tuple[BundleKinds, bytes]:
    """Kinds and words of what a tuple holds; one of a class made by `bundle` keeps them."""
    kept = getattr(value, "__dict__", {})
    if not kept:
        kinds: list[Any] = [type(value)]
        words: list[bytes] = []
        flatten(value, kinds, words)
        kept["flat"] = _kinds_of_bundle(tuple(kinds)), b"".join(words)
    flat: tuple[BundleKinds, bytes] = kept["flat"]
    return flat


def bundle(fields: type[T]) -> type[T]:
    """A class of named tuples whose kinds and words are found once per tuple: the same arrays are given to kernels for every
    some thousand packets. A tuple's arrays must not be resized in place.
    """
    own = {name: getattr(fields, name) for name in ("__doc__", "__module__", "__qualname__")}
    return type(fields.__name__, (fields,), own)


def fractions(kinds: Iterable[Any]) -> list[bool]:
    """Which words of arguments of some kinds are fractions, which compiled functions take in registers of their own."""
    found: list[bool] = []
    for kind in kinds:
        if isinstance(kind, BundleKinds):
            found += fractions(kind[1:])
        else:
            found += [kind is float] * (ARRAYS[kind[1]].size // NUMBER.size if isinstance(kind, tuple) else 1)
    return found


def kinds_as_text(kinds: Iterable[Any]) -> list[Any]:
    """Kinds of arguments as text that is the same in every process."""
    return [_kind_as_text(kind) for kind in kinds]


def _kind_as_text(kind: Any) -> Any:
    """See kinds_as_text."""
    if isinstance(kind, BundleKinds):
        return (kind[0].__qualname__, kind[0]._fields, *kinds_as_text(kind[1:]))
    if isinstance(kind, tuple):
        return (str(kind[0].descr), *kind[1:])
    return kind.__name__
