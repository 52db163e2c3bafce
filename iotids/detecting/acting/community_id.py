"""Community ID 1: one name for a flow that Zeek, Suricata, Wireshark and others compute alike.

Source: Corelight, community-id-spec, version 1: base64 of SHA-1 over seed, ordered addresses, protocol, a zero
byte, ordered ports.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import struct

WITH_PORTS = (6, 17, 132)  # TCP, UDP, SCTP
ICMP, ICMP6 = 1, 58
# fmt: off
ANSWERS = {
    ICMP: {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10},
    ICMP6: {
        128: 129, 129: 128, 133: 134, 134: 133, 135: 136, 136: 135, 130: 131, 131: 130, 139: 140, 140: 139,
        144: 145, 145: 144,
    },
}
# fmt: on


def community_id(src: str, dst: str, protocol: int, src_port: int, dst_port: int, *, seed: int = 0) -> str:
    """The Community ID of a flow; both directions give the same.

    Parameters
    ----------
    src_port, dst_port : int
        Of TCP, UDP and SCTP the ports; of ICMP type and code; of other protocols they do not count.

    Raises
    ------
    ValueError
        Not two addresses of one family.
    """
    a, b = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if a.version != b.version:
        raise ValueError(f"{src} and {dst} are addresses of different families")
    first, second, has_ports = src_port, dst_port, protocol in WITH_PORTS or protocol in ANSWERS
    one_way = False
    if protocol in ANSWERS:
        answer = ANSWERS[protocol].get(src_port)
        one_way = answer is None
        second = dst_port if answer is None else answer
    ends = (a.packed, first if has_ports else 0), (b.packed, second if has_ports else 0)
    low, high = ends if one_way else sorted(ends)
    content = struct.pack("!H", seed) + low[0] + high[0] + struct.pack("!BB", protocol, 0)
    if has_ports:
        content += struct.pack("!HH", low[1], high[1])
    return "1:" + base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
