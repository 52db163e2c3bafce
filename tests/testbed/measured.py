"""A sample on disk, metered, labelled by its ground-truth files, and beside that what its maker knew."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from iotids.flowmeter.flows import flows_from_capture
from iotids.flowmeter.packets import packet_batches
from iotids.testbed.scenarios import d1, d2, d3, d4
from iotids.testbed.scenarios.capture_set import Capture
from iotids.testbed.tape import Label
from iotids.testbed.wire import ip
from iotids.truth.formats.registry import open_truth
from iotids.truth.labelling.row_labels import RowLabels
from tests.testbed.kept_truth import conversation, kept_truth

SMALL_SCALE = 0.08
SOURCES = {
    "D1": {"kind": "packet_filters", "folder": "D1", "rules": "D1/dataset_description.csv"},
    "D2": {"kind": "folders", "folder": "D2", "hosts": "D2/hosts.yaml", "background": "BENIGN"},
    "D3": {"kind": "mac_list", "folder": "D3", "devices": "D3/List_Of_Devices.txt"},
    "D4": {"kind": "zeek", "folder": "D4", "background": "BENIGN"},
}
ARP_AS_ADDRESSES = {"8.6.0.1", "8.0.6.4"}  # what old flow meters read out of a broadcast ARP frame


@dataclass(frozen=True)
class Sample:
    """Flows of all sources with the label of the truth files; `known` is the maker's label, None for flows
    that are no IP at all.
    """

    folder: Path
    flows: pa.Table
    known: list[Label | None]


def captures_of(source: str, seed: int, scale: float) -> list[Capture]:
    """Make the captures of one source anew."""
    if source in ("D1", "D4"):
        return [capture for capture, _ in {"D1": d1, "D4": d4}[source].captures(seed, scale)]
    return list({"D2": d2, "D3": d3}[source].captures(seed, scale))


def metered_sample(folder: Path, *, seed: int, scale: float, profile: str = "paper") -> Sample:
    """Meter and label the captures below a folder that `write_sample` wrote with this seed and scale."""
    tables, known = [], []
    for source, options in SOURCES.items():
        truth = open_truth(source, options, folder, "BENIGN")
        for capture in captures_of(source, seed, scale):
            name = f"{capture.name}.zst"
            path = folder / source / name
            flows = flows_from_capture(path, profile, name=name)
            part = truth.label(name, flows, partial(packet_batches, path, profile))
            labelled, apart = RowLabels([[(0, flows.num_rows)]], [part]).divide(flows)
            if apart.num_rows:
                raise ValueError(
                    f"{source}/{name}: the truth files leave {apart.num_rows} flows without a class"
                )
            tables.append(labelled)
            known += maker_labels(labelled, capture)
    return Sample(folder, pa.concat_tables(tables), known)


def maker_labels(flows: pa.Table, capture: Capture) -> list[Label | None]:
    """Look up what the maker of the capture knows about each flow."""
    truth = kept_truth(capture.packets)
    columns = flows.select(["src_ip", "src_port", "dst_ip", "dst_port", "protocol"]).to_pydict()
    rows = zip(*columns.values(), strict=True)
    return [
        None
        if src in ARP_AS_ADDRESSES
        else truth[conversation(ip(src), src_port, ip(dst), dst_port, protocol)]
        for src, src_port, dst, dst_port, protocol in rows
    ]
