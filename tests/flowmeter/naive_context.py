"""The slow twin of the context kernel: for every flow, look at all flows before it."""

from iotids.flowmeter.columns.context import COUNTS, LAST_FLOWS, SHORT_PACKETS, WHO, WINDOWS_S

LATE_US = 600_000_000
SAME = {
    "initiator": lambda f: f["src_ip"],
    "responder": lambda f: f["dst_ip"],
    "pair": lambda f: (f["src_ip"], f["dst_ip"]),
    "service": lambda f: (f["dst_ip"], f["dst_port"], f["protocol"]),
}
PEER = {"initiator": "dst_ip", "responder": "src_ip", "service": "src_ip"}


def naive_context(flows, ring_flows):
    """Context of a list of flows (dicts) in their order, as a list of dicts."""
    rows, before, latest = [], [], None
    for flow in flows:
        end = flow["start_us"] + flow["flow_duration_us"]
        if latest is not None and end < latest - LATE_US:
            before = []
        elif latest is not None:
            end = max(end, latest)
        latest = end
        before = [*before, {**flow, "end": end}][-ring_flows:]
        rows.append(_row(before))
    return rows


def _row(before):
    now, row = before[-1], {}
    for who in WHO:
        alike = [f for f in before if SAME[who](f) == SAME[who](now)]
        for seconds in WINDOWS_S:
            window = [f for f in alike if f["end"] > now["end"] - seconds * 1_000_000]
            row |= _counts(f"{who}_{seconds}s", who, window)
        row |= _counts(f"{who}_last{LAST_FLOWS}", who, alike[-LAST_FLOWS:])
    return row


def _counts(prefix, who, flows):
    n = len(flows)
    counts = {
        "flows": n,
        "ports": len({(f["dst_port"], f["protocol"]) for f in flows}),
        "silent_share": sum(f["bwd_packets"] == 0 for f in flows) / n,
        "reset_share": sum(f["rst_flags"] > 0 for f in flows) / n,
        "short_share": sum(f["fwd_packets"] + f["bwd_packets"] <= SHORT_PACKETS for f in flows) / n,
        "bytes": sum(f["fwd_bytes"] + f["bwd_bytes"] for f in flows),
    }
    if who in PEER:
        counts["peers"] = len({f[PEER[who]] for f in flows})
    return {f"{prefix}_{count.name}": counts[count.name] for count in COUNTS if who in count.who}
