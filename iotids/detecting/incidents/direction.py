"""Who attacks whom: the initiator that the meter names is the victim when only its answers make a new flow.

A flow with a SYN was begun by its initiator. Without one (a late answer, a recording that began later, a link
seen in one direction) the end with the more service-like port is the responder. All flows of two hosts then
follow the majority of the two, so that a victim's answers are counted with the attack that they answer.
"""

from __future__ import annotations

import numpy as np

TCP, UDP = 6, 17
SYSTEM_PORTS, EPHEMERAL = 1_024, 32_768  # below: services; from the second on: what clients get (Linux, IANA)
BY_SYN, BY_PORTS, BY_ORDER = 1.0, 0.5, 0.001  # how much each kind of evidence counts


def votes_for_initiator(
    protocol: np.ndarray, src_port: np.ndarray, dst_port: np.ndarray, syn: np.ndarray
) -> np.ndarray:
    """(n,) float64: positive where the meter's initiator began the flow, negative where the other end did.

    Parameters
    ----------
    protocol, src_port, dst_port : (n,) int
    syn : (n,) int
        Packets with SYN in the flow.
    """
    tcp = protocol == TCP
    by_ports = np.sign(_kind(dst_port) - _kind(src_port)) * -BY_PORTS + BY_ORDER
    return np.where(tcp & (syn > 0), BY_SYN, np.where(tcp, by_ports, BY_ORDER))


def reversed_rows(src: np.ndarray, dst: np.ndarray, votes: np.ndarray) -> np.ndarray:
    """(n,) bool: flows whose initiator is the victim, by the majority of all flows of the two hosts.

    src, dst : (n,) int64 numbers of hosts.
    """
    low, high = np.minimum(src, dst), np.maximum(src, dst)
    _, pair = np.unique(low * (int(high.max(initial=0)) + 1) + high, return_inverse=True)
    from_low = np.bincount(pair, np.where(src == low, votes, -votes))
    low_began = from_low[pair] >= 0
    reversed_: np.ndarray = (src != dst) & ((src == low) != low_began)
    return reversed_


def _kind(port: np.ndarray) -> np.ndarray:
    """0 system port, 1 registered, 2 ephemeral."""
    return (port >= SYSTEM_PORTS).astype(np.int8) + (port >= EPHEMERAL)
