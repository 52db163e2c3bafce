"""The kernel of zero_point.py, which calls it by its name and does not load the compiler. Its slow twin is in
tests/detecting/test_zero_point.py.
"""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import entry


@entry
def means_at_ends(log_odds, ends_us, hosts, flows, sums, latest_us, fading_us, doubt, back_us, means):  # type: ignore[no-untyped-def]
    """means[i] = the larger of the means of the log-odds of the flows so far of flow i's two hosts, itself included.

    log_odds (n,) float64; ends_us (n,) int64; hosts (n, 2) int64, places in flows, sums (h,) float64 and latest_us (h,)
    int64, which are kept from call to call: flows counted, their log-odds, and the latest end. A flow counts e times less
    each `fading_us`; `doubt` flows of log-odds 0 are added to every host. More than `back_us` back, a host begins anew.
    """
    for i in range(log_odds.shape[0]):
        largest = -np.inf
        for side in range(2):
            host = hosts[i, side]
            past = ends_us[i] - latest_us[host]
            kept = 0.0 if past < -back_us else np.exp(-max(past, 0) / fading_us)
            flows[host] = flows[host] * kept + 1.0
            sums[host] = sums[host] * kept + log_odds[i]
            latest_us[host] = ends_us[i] if past < -back_us else max(latest_us[host], ends_us[i])
            largest = max(largest, sums[host] / (flows[host] + doubt))
        means[i] = largest
