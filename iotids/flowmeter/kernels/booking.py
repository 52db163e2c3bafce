"""Flows begin and end, and packets find their direction: what metering under every profile is made of."""

from __future__ import annotations

from iotids.flowmeter.kernels.accumulating import start_flow
from iotids.flowmeter.kernels.compiling import inlined, kernel
from iotids.flowmeter.kernels.finding import free_slot
from iotids.flowmeter.kernels.layout import (
    CLEAN,
    CORRECTED,
    CREATED,
    EMITTED_PACKETS,
    FINISHED,
    FREE_PLACES,
    LIVE,
    NEVER,
    OPEN,
    ORDER,
    UNWRITTEN,
)
from iotids.flowmeter.kernels.sequences import begin_sequence, copy_sequence, wants_sequences


@kernel
def free_place(place, table):
    """Give a place in memory back."""
    table.due[place] = NEVER
    table.free[table.counters[FREE_PLACES]] = place
    table.counters[FREE_PLACES] += 1


@kernel
def release_flow(slot, place, table):
    """Take a flow out of the table."""
    free_slot(table.slots, slot)
    free_place(place, table)
    table.counters[LIVE] -= 1


@inlined
def emit_flow(flow, key, sequence, logic, table):
    """Copy a flow that is over to the output; the original tools drop those of one packet."""
    n_packets = flow["fwd_packets"] + flow["bwd_packets"]
    if logic < CORRECTED and n_packets < 2:
        table.counters[UNWRITTEN] += 1
        return
    table.counters[EMITTED_PACKETS] += n_packets
    at = table.counters[FINISHED]
    table.over[at] = flow
    table.over_keys[at] = key
    if wants_sequences(table):
        copy_sequence(sequence, table.over_sequences[at])
    table.counters[FINISHED] += 1


@kernel
def enter_key(key, packet, swapped):
    """Write a packet's endpoints into a key; swapped: destination first."""
    if swapped:
        key["a_hi"] = packet["dst_hi"]
        key["a_lo"] = packet["dst_lo"]
        key["b_hi"] = packet["src_hi"]
        key["b_lo"] = packet["src_lo"]
        key["a_port"] = packet["dst_port"]
        key["b_port"] = packet["src_port"]
    else:
        key["a_hi"] = packet["src_hi"]
        key["a_lo"] = packet["src_lo"]
        key["b_hi"] = packet["dst_hi"]
        key["b_lo"] = packet["dst_lo"]
        key["a_port"] = packet["src_port"]
        key["b_port"] = packet["dst_port"]
    key["protocol"] = packet["protocol"]
    key["version"] = packet["version"]
    key["tag"] = packet["hash"] & 0x7FFFFFFF


@inlined
def begin_flow(place, packet, forward, from_initiator, is_reversed, rules, number, table):
    """Begin a new flow in a place, also in that of one that has been emitted; the table's order sees a new entry."""
    table.bodies[place] = table.blank[0]
    table.due[place] = packet["time_us"]
    flow = table.bodies[place]
    key = table.keys[place]
    key["order"] = table.counters[ORDER]
    table.counters[ORDER] += 1
    flow["number"] = table.counters[CREATED]
    table.counters[CREATED] += 1
    key["reversed"] = is_reversed
    key["state"] = OPEN
    key["known"] = 0
    start_flow(flow, packet, forward, from_initiator, rules, number)
    if wants_sequences(table):
        begin_sequence(table, place, packet, forward)


@kernel
def talks_to_itself(key, logic):
    """Whether both ends of a flow are the same, so that every packet is forward; CICFlowMeter looks at
    addresses only.
    """
    return (
        key["a_lo"] == key["b_lo"]
        and key["a_hi"] == key["b_hi"]
        and (logic != CLEAN or key["a_port"] == key["b_port"])
    )


@kernel
def is_forward(key, same_direction, logic):
    """Whether a packet goes from initiator to responder."""
    return talks_to_itself(key, logic) or same_direction == (key["reversed"] == 0)
