"""Facts about the rows that need no features: counts, certainty of labels, rows that are no conversations,
connections cut into rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.auditing.duplicates import fold_in_column, number_vectors
from iotids.auditing.timeouts import timeout_effect

TCP, UDP = 6, 17
ARP_READ_AS_IPV4 = "8.6.0.1"
"""Sender of the flow that broadcast ARP becomes when the bytes from its first on are read as an IPv4 header.
"""
ReadColumn = Callable[[str], pa.ChunkedArray]
"""Gives a column of the dataset by its name."""


def encode(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Number the words of a column in the order of their first coming."""
    coded = column.combine_chunks().dictionary_encode()
    return coded.indices.to_numpy(zero_copy_only=False).astype(np.int64), coded.dictionary.to_pylist()


def count_rows(
    sources: np.ndarray, names: Sequence[str], labels: np.ndarray, classes: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Count rows per source and class."""
    table = np.bincount(sources * len(classes) + labels, minlength=len(names) * len(classes)).reshape(
        len(names), len(classes)
    )
    return {
        name: {label: int(n) for label, n in zip(classes, row, strict=True)}
        for name, row in zip(names, table, strict=True)
    }


def count_groups(
    sources: np.ndarray, names: Sequence[str], labels: np.ndarray, classes: Sequence[str], groups: np.ndarray
) -> dict[str, dict[str, int]]:
    """Count the groups that hold rows of each source and class."""
    triples = np.unique(np.stack([sources, labels, groups]), axis=1)
    return count_rows(triples[0], names, triples[1], classes)


def certainty_of_labels(
    read: ReadColumn, n_rows: int, summaries: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Collect what is known about the labels' certainty."""
    codes, rules = encode(read("label_rule"))
    whole = int((codes == rules.index("whole capture")).sum()) if "whole capture" in rules else 0
    notices = [
        {"source": source, **notice}
        for source, summary in summaries.items()
        for notice in summary.get("notices", [])
    ]
    return {
        "whole_capture": whole,
        "whole_capture_share": whole / max(n_rows, 1),
        "kept_apart": sum(
            sum(summary.get("kept_apart", {}).values()) + summary.get("unlabelled", 0)
            for summary in summaries.values()
        ),
        "rules": {source: summary.get("rules", {}) for source, summary in summaries.items()},
        "notices": notices,
    }


def rows_without_ports(
    read: ReadColumn, sources: np.ndarray, names: list[str], labels: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """Count rows that are no TCP or UDP conversation, and among them broadcast ARP that CICFlowMeter reads as
    IPv4.
    """
    portless = ~np.isin(read("protocol").to_numpy(), [TCP, UDP])
    codes, addresses = encode(read("src_ip"))
    arp = (
        codes == addresses.index(ARP_READ_AS_IPV4)
        if ARP_READ_AS_IPV4 in addresses
        else np.zeros(len(codes), dtype=bool)
    )
    return {
        "counts": count_rows(sources[portless], names, labels[portless], classes),
        "rows": int(portless.sum()),
        "arp": int((arp & portless).sum()),
    }


def timeouts_of_sources(read: ReadColumn, sources: np.ndarray, names: list[str]) -> list[dict[str, Any]]:
    """Measure how connections were cut into rows."""
    numbers = {
        name: read(name).to_numpy()
        for name in (
            "src_port",
            "dst_port",
            "protocol",
            "start_us",
            "flow_duration_us",
            "fwd_packets",
            "bwd_packets",
        )
    }
    ends = pa.chunked_array([*read("src_ip").chunks, *read("dst_ip").chunks])
    addresses, _ = encode(ends)
    initiators, responders = np.split(addresses * 65536, 2)
    pairs = np.sort(np.stack([initiators + numbers["src_port"], responders + numbers["dst_port"]]), axis=0)
    prints = np.zeros(len(sources), dtype=np.uint64)
    for number, column in enumerate(
        [encode(read("capture"))[0], pairs[0], pairs[1], numbers["protocol"]], start=1
    ):
        prints = fold_in_column(prints, column.astype(np.float64), number)
    connections, _ = number_vectors(prints)
    return timeout_effect(
        sources=sources,
        names=names,
        connections=connections,
        starts_us=numbers["start_us"],
        durations_us=numbers["flow_duration_us"],
        packets=numbers["fwd_packets"] + numbers["bwd_packets"],
    )
