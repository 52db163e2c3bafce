"""Fetch memory into the cache before it is needed."""
# mypy: disable-error-code="assignment,attr-defined"

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from stages.flowmeter.kernels.compiling import kernel
from stages.flowmeter.kernels.layout import FREE_BODIES, FREE_KEYS, TCP
from stages.flowmeter.kernels.segments import bucket_of, segment_words


def prefetch(array, index, offset):
    """Ask for a cache line of array[index] ahead of its use; does nothing outside compiled code."""


if not config.DISABLE_JIT:

    @intrinsic
    def prefetch(typing_context, array, index, offset):  # type: ignore[no-redef]
        """Ask for the cache line `offset` bytes into array[index] ahead of its use."""

        def codegen(context, builder, signature, args):
            view = context.make_array(signature.args[0])(context, builder, args[0])
            pointer = cgutils.get_item_pointer(context, builder, signature.args[0], view, [args[1]], wraparound=False)
            byte = builder.gep(builder.bitcast(pointer, cgutils.voidptr_t), [args[2]])
            word = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, word, word, word])
            function = builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], kind)
            builder.call(function, [byte, word(1), word(3), word(1)])
            return context.get_dummy_value()

        return types.void(array, types.int64, types.int64), codegen


@kernel
def look_ahead(packets, i, n_packets, slots, keys, bodies):
    """Fetch into the cache what packets soon to come will need: their slot, then their key, then their flow.

    With many flows nearly every packet meets a flow outside the cache; waiting for memory would take most of the time.
    """
    mask = len(slots) - 1
    if i + 24 < n_packets:
        prefetch(slots, packets[i + 24]["hash"] & 0x7FFFFFFF & mask, 0)
    if i + 14 < n_packets:
        tag = packets[i + 14]["hash"] & 0x7FFFFFFF
        slot = slots[tag & mask]
        if slot >> 32 == tag and slot != 0:
            prefetch(keys, (slot & 0xFFFFFFFF) - 1, 0)
    if i + 7 < n_packets:
        packet = packets[i + 7]
        tag = packet["hash"] & 0x7FFFFFFF
        slot = slots[tag & mask]
        if slot >> 32 == tag and slot != 0:
            key = keys[(slot & 0xFFFFFFFF) - 1]
            body = np.int64(key["body"])
            if body >= 0:
                from_a = key["a_lo"] == packet["src_lo"] and key["a_port"] == packet["src_port"]
                direction = 192 if from_a == (key["reversed"] == 0) else 384
                for line in range(3):
                    prefetch(bodies, body, line * 64)
                prefetch(bodies, body, direction)
                prefetch(bodies, body, direction + 64)
                if packet["payload"] > 0:
                    prefetch(bodies, body, direction + 128)


@kernel
def look_ahead_for_segments(packets, i, n_packets, slots, keys, buckets, segments):
    """As look_ahead, for the bucket of a TCP segment and then the newest segment in it."""
    mask = len(slots) - 1
    for ahead in (6, 3):
        if i + ahead < n_packets:
            packet = packets[i + ahead]
            tag = packet["hash"] & 0x7FFFFFFF
            slot = slots[tag & mask]
            if packet["protocol"] == TCP and slot >> 32 == tag and slot != 0:
                index = (slot & 0xFFFFFFFF) - 1
                side = 0 if keys[index]["a_lo"] == packet["src_lo"] and keys[index]["a_port"] == packet["src_port"] else 1
                seq_ack, size_side = segment_words(packet, side)
                bucket = bucket_of(seq_ack, size_side, index, buckets)
                if ahead == 6:
                    prefetch(buckets, bucket, 0)
                elif buckets[bucket] >= 0:
                    prefetch(segments, np.int64(buckets[bucket]), 0)


@kernel
def fetch_free(keys, bodies, free_keys, free_bodies, counters):
    """Fetch into the cache where the next new flow will be written."""
    if counters[FREE_KEYS] > 0 and counters[FREE_BODIES] > 0:
        prefetch(keys, np.int64(free_keys[counters[FREE_KEYS] - 1]), 0)
        for line in range(11):
            prefetch(bodies, np.int64(free_bodies[counters[FREE_BODIES] - 1]), line * 64)
