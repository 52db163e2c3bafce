"""What flow timeouts do to a dataset: connections cut into several rows, and rows of one packet."""

from __future__ import annotations

from typing import Any

import numpy as np


def timeout_effect(
    *,
    sources: np.ndarray,
    names: list[str],
    connections: np.ndarray,
    starts_us: np.ndarray,
    durations_us: np.ndarray,
    packets: np.ndarray,
) -> list[dict[str, Any]]:
    """Measure, per source, how flows were cut.

    Parameters
    ----------
    sources : (n,) int
        Index into `names`.
    connections : (n,) int
        Number of the flow's capture and unordered endpoint pair with ports and protocol.
    starts_us, durations_us : (n,) int64 or float64
        µs.
    packets : (n,) number of packets

    Returns
    -------
    list of dict
        Per source: flows, connections, share of flows that continue an earlier one of their connection (and
        within 1 s), shares of flows of one packet and of duration 0, and the 50th, 99th percentile and
        maximum of the duration in seconds.
    """
    order = np.lexsort((starts_us, connections))
    follows = np.zeros(len(order), dtype=bool)
    follows[order[1:]] = connections[order[1:]] == connections[order[:-1]]
    gaps_us = np.full(len(order), np.inf)
    ends_us = starts_us + np.maximum(durations_us, 0)
    gaps_us[order[1:]] = starts_us[order[1:]] - ends_us[order[:-1]]
    effects = []
    for number, name in enumerate(names):
        rows = np.flatnonzero(sources == number)
        if not len(rows):
            continue
        seconds = durations_us[rows] / 1e6
        effects.append(
            {
                "source": name,
                "flows": len(rows),
                "connections": int((~follows[rows]).sum()),
                "continued_share": float(follows[rows].mean()),
                "continued_within_1s_share": float((follows[rows] & (gaps_us[rows] <= 1e6)).mean()),
                "one_packet_share": float((packets[rows] <= 1).mean()),
                "no_duration_share": float((durations_us[rows] == 0).mean()),
                "duration_s": {
                    "median": float(np.median(seconds)),
                    "p99": float(np.quantile(seconds, 0.99)),
                    "max": float(seconds.max()),
                },
            }
        )
    return effects
