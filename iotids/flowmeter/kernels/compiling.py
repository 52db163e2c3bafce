"""Compile kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import config, njit, typeof, types

from iotids.flowmeter.kernels.machine_code import MachineCode

# nogil: reading, decoding, metering and writing run in threads; numpy errors: x/0 is inf or nan, as in Java;
# no fastmath, sums must match bit for bit
# no counting of references to arrays, with which metering takes 1.5 to 1.8 times as long: so kernels cannot
# allocate, callers hand them what they need
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
WITHOUT_WRAPPERS: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
kernel = njit(**OPTIONS)
inlined = njit(inline="always", **OPTIONS)


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel that Python calls; its machine code, with that of the kernels it calls, is kept on disk."""
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return function
    return MachineCode(function.__module__, function.__name__, function)


def compile_for(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[str, int | None, bytes]:
    """Compile a kernel for the types of some arguments.

    Returns
    -------
    symbol : str
    results : int or None
        0: one whole number; n: a tuple of n; None: nothing.
    code : bytes
        The object file; it needs nothing of the compiler, and has no wrapper for Python.
    """
    apart: Any = njit(**OPTIONS, **WITHOUT_WRAPPERS)(function)
    compiled = apart._compiler.compile(tuple(map(type_of, arguments)), None)
    results = _results(compiled.signature.return_type)
    return compiled.fndesc.llvm_func_name, results, compiled.library._get_compiled_object()


def _results(returned: Any) -> int | None:
    """How many whole numbers a kernel returns; see compile_for."""
    if isinstance(returned, types.NoneType):
        return None
    if returned == types.int64:
        return 0
    if isinstance(returned, types.UniTuple) and returned.dtype == types.int64:
        return len(returned)
    raise TypeError(
        f"a kernel returns {returned}; callable from Python are those that return int64 or tuples of it"
    )


def type_of(value: Any) -> Any:
    """The compiler's type of an argument: arrays may be written, and whole numbers have 64 bits."""
    if isinstance(value, np.ndarray):
        return typeof(value).copy(readonly=False, layout="C" if value.flags.c_contiguous else "A")
    if isinstance(value, tuple):
        return types.NamedTuple(tuple(map(type_of, value)), type(value))
    return types.float64 if isinstance(value, (float, np.floating)) else types.int64
