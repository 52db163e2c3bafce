"""Prefetch a line of memory."""
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic


def prefetch(array, index, offset):
    """Prefetch a cache line of array[index]; does nothing outside compiled code."""


if not config.DISABLE_JIT:

    @intrinsic
    def prefetch(typing_context, array, index, offset):
        """Prefetch the cache line `offset` bytes into array[index]."""

        def codegen(context, builder, signature, args):
            view = context.make_array(signature.args[0])(context, builder, args[0])
            pointer = cgutils.get_item_pointer(
                context, builder, signature.args[0], view, [args[1]], wraparound=False
            )
            byte = builder.gep(builder.bitcast(pointer, cgutils.voidptr_t), [args[2]])
            word = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, word, word, word])
            function = builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], kind)
            builder.call(function, [byte, word(1), word(3), word(1)])
            return context.get_dummy_value()

        return types.void(array, types.int64, types.int64), codegen
