"""Context of a flow: what its end points did in the seconds before it ended.

`with_context` adds the columns of columns.py to a finished flow table; `ContextStream` gives the same values
for flows that arrive batch by batch. The kernel is kernel.py, its slow twin stands in
tests/flowmeter/naive_context.py.
"""

from iotids.flowmeter.context.columns import CONTEXT, CONTEXT_NAMES
from iotids.flowmeter.context.stream import ContextStream
from iotids.flowmeter.context.tables import EndOrder, with_context

__all__ = ["CONTEXT", "CONTEXT_NAMES", "ContextStream", "EndOrder", "with_context"]
