"""Link types whose header names the link type of what follows: PPI, PKTAP, netANALYZER, and Linux's cooked ones."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.layout import (
    LINK_FRAME_RELAY,
    LINK_OLD_PKTAP,
    LINK_PKTAP,
    LINK_PPI,
    LINK_PRISM,
    LINK_RADIO,
    LINK_RADIOTAP,
    LINK_SLL,
    LINK_SLL2,
    MALFORMED,
    TRUNCATED,
    UNSUPPORTED_LINK,
)
from iotids.flowmeter.kernels.reading import be16, le16, le32

MAX_NESTED = 4


@kernel
def link_of_hardware(hardware):
    """Link type of an ARPHRD number whose frames stand behind Linux's cooked header as they are, -1 for others."""
    if hardware == 801:
        return LINK_RADIO
    if hardware == 802:
        return LINK_PRISM
    if hardware == 803:
        return LINK_RADIOTAP
    if hardware == 770:
        return LINK_FRAME_RELAY
    return -1


@kernel
def nested_link(data, at, end, link):
    """Link type and position of the frame inside headers that name its link type; a negative one is minus the
    reason why there is none.
    """
    for _ in range(MAX_NESTED):
        if link == LINK_PPI:
            if at + 8 > end:
                return -TRUNCATED, at
            size = le16(data, at + 2)
            if size < 8:
                return -MALFORMED, at
            link = le32(data, at + 4)
            at += size
        elif link in (LINK_PKTAP, LINK_OLD_PKTAP):
            if at + 12 > end:
                return -TRUNCATED, at
            size = le32(data, at)
            if size < 12 or size > 0xFFFF or le32(data, at + 4) > 1:
                return -(UNSUPPORTED_LINK if link == LINK_OLD_PKTAP else MALFORMED), at
            link = le32(data, at + 8)
            at += size
        elif link in (240, 241):  # Ethernet behind a status, of the second also preamble and start
            at += 4 if link == 240 else 12
            link = 1
        elif link == LINK_SLL or link == LINK_SLL2:  # noqa: SIM109
            header = 16 if link == LINK_SLL else 20
            if at + header > end:
                return -TRUNCATED, at
            inside = link_of_hardware(be16(data, at + (2 if link == LINK_SLL else 8)))
            if inside < 0:
                return np.int64(link), at
            link = np.int64(inside)
            at += header
        else:
            return np.int64(link), at
    return -MALFORMED, at
