"""Where each column of a flow table lies in the memory that kernels write, by its name in the schema.

Every block of memory holds the columns of one kind, in the schema's order. Kernels see these names as constants.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from iotids.flowmeter.columns.schema import CORRECTED_EXTRAS, FEATURES, IDENTITY


def positions_of(block: str, names: list[str]) -> Any:
    """Numbers from 0 under the names of some columns."""
    return namedtuple(block, names)(*range(len(names)))


def identity_of(dtype: str) -> list[str]:
    """Names of the identity columns of a type; `capture` is the same in every row and written by nobody here."""
    return [column.name for column in IDENTITY if column.dtype == dtype and column.name != "capture"]


FEATURE = positions_of("FEATURE", [column.name for column in FEATURES + CORRECTED_EXTRAS])  # 8 bytes each
NUMBER = positions_of("NUMBER", identity_of("int64"))
PORT = positions_of("PORT", identity_of("int32"))
TEXT = positions_of("TEXT", identity_of("string"))
N_FEATURES, N_NUMBERS, N_PORTS, N_TEXTS = (len(block) for block in (FEATURE, NUMBER, PORT, TEXT))
