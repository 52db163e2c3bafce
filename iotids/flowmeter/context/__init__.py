"""Context of a flow: what its end points did in the seconds before it ended.

`with_context` adds the columns of ../columns/context.py to a finished flow table; `ContextStream` gives the same values
for flows that arrive batch by batch. The kernel is kernel.py, its slow twin stands in
tests/flowmeter/naive_context.py. Public names are loaded when they are used: whoever asks for the columns
alone does not wait for numba.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iotids.flowmeter.context.stream import ContextStream
    from iotids.flowmeter.context.tables import EndOrder, with_context

__all__ = ["ContextStream", "EndOrder", "with_context"]

_HOMES = {"ContextStream": "stream", "EndOrder": "tables", "with_context": "tables"}


def __getattr__(name: str) -> Any:
    """Load a public name from the module that has it."""
    if name not in __all__:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}; public are {', '.join(__all__)}"
        )
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
