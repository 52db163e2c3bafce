"""Flows begin, end and are found to be one's own: what booking under every profile is made of."""

from __future__ import annotations

from iotids.flowmeter.kernels.accumulating import start_flow
from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.finding import free_slot
from iotids.flowmeter.kernels.layout import (
    CLEAN,
    CORRECTED,
    CREATED,
    FINISHED,
    FREE_PLACES,
    LIVE,
    NEVER,
    OPEN,
    ORDER,
    UNWRITTEN,
)


@kernel
def free_place(place, due, free_places, counters):
    """Give a place in memory back."""
    due[place] = NEVER
    free_places[counters[FREE_PLACES]] = place
    counters[FREE_PLACES] += 1


@kernel
def release_flow(slots, slot, place, due, free_places, counters):
    """Take a flow out of the table."""
    free_slot(slots, slot)
    free_place(place, due, free_places, counters)
    counters[LIVE] -= 1


@kernel
def hand_out(flow, key, logic, finished, finished_keys, counters):
    """Copy a flow that is over to the output; the original tools drop those of one packet."""
    if logic < CORRECTED and flow["fwd_packets"] + flow["bwd_packets"] < 2:
        counters[UNWRITTEN] += 1
        return
    at = counters[FINISHED]
    finished[at] = flow
    finished_keys[at] = key
    counters[FINISHED] += 1


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


@kernel
def renew_flow(
    place, keys, bodies, due, packet, forward, from_initiator, is_reversed, rules, number, blank, counters
):
    """Begin a new flow in the place of one that has been handed out; the table's order sees a new entry."""
    bodies[place] = blank[0]
    due[place] = packet["time_us"]
    flow = bodies[place]
    key = keys[place]
    key["order"] = counters[ORDER]
    counters[ORDER] += 1
    flow["number"] = counters[CREATED]
    counters[CREATED] += 1
    key["reversed"] = is_reversed
    key["state"] = OPEN
    key["known"] = 0
    start_flow(flow, packet, forward, from_initiator, rules, number)


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
