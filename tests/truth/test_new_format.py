"""A new format of ground truth is four files: the format, its line in the registry, an example, a row of the
documentation.
"""

import sys

import pyarrow.parquet as pq
import pytest

from iotids.flowmeter.flows import flows_from_capture
from iotids.writing.tables import write_table
from tests.packets import SYN, Record, ethernet, ipv4, tcp, udp, write_pcap
from tests.project_copy import copy_project, run

FORMAT = '''"""Label by a file of attacked ports, one a line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iotids.truth.formats.contract import Format, Source, Truth
from iotids.truth.labelling.flow_labels import CaptureLabels, Verdict
from iotids.truth.labelling.truth_files import read_text


@dataclass(frozen=True)
class Options:
    """`ports` names the file, `label` the class of flows to one of its ports."""

    ports: str
    label: str


def open_port_list(source: Source, options: Options) -> Truth:
    """Read the ports."""
    ports = [int(line) for line in read_text(source.root / options.ports).split()]
    verdicts = (Verdict(options.label, "", "listed port"), Verdict(source.benign, "", "no listed port"))

    def label(capture, flows, packets):
        listed = np.isin(flows.column("dst_port").to_numpy(), ports)
        return source.name, CaptureLabels(capture, capture, verdicts, np.where(listed, 0, 1).astype(np.int32))

    return Truth(label)


FORMAT = Format(Options, open_port_list)
'''
EXAMPLE = """name: ports
root: mine
classes: [BENIGN, DOS]
benign: BENIGN
sources:
  home: {kind: port_list, ports: ports.txt, label: DOS, watch: mine}
"""


def add_format(project):
    """Add the format to a copy of the project; give the files touched."""
    edits = {
        "iotids/truth/formats/registry.py": (
            ('    "rules": own_rules.FORMAT,\n', '    "port_list": port_list.FORMAT,\n'),
            ("own_rules, packet_filters", ", port_list"),
        ),
        "docs/datasets.md": (("| D4 |", "\n"),),
    }
    (project / "iotids/truth/formats/port_list.py").write_text(FORMAT)
    (project / "conf/data/ports.yaml").write_text(EXAMPLE)
    for name, places in edits.items():
        text = (project / name).read_text()
        for after, addition in places:
            assert after in text
            text = text.replace(after, after + addition, 1)
        (project / name).write_text(text)
    status = run(project, "git", "status", "--short", "--untracked-files=all").stdout
    return [line[3:] for line in status.splitlines()]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("format") / "project")


def test_a_new_format_is_four_files_and_labels_a_capture(project):
    assert len(add_format(project)) <= 4
    (project / "mine").mkdir()
    (project / "mine" / "ports.txt").write_text("554\n")
    frames = [
        ethernet(ipv4("10.0.0.1", "10.0.0.2", 6, tcp(5000, 554, flags=SYN))),
        ethernet(ipv4("10.0.0.1", "10.0.0.2", 17, udp(5000, 53, b"x"))),
    ]
    capture = write_pcap(project / "mine" / "a.pcap", [Record(i, frame) for i, frame in enumerate(frames)])
    write_table(flows_from_capture(capture, "clean", name="a.pcap"), project / "flows.parquet")
    run(project, sys.executable, "-m", "iotids", "params", "data=ports")
    label = "-m stages.label --source home --flows flows.parquet --out home.parquet --summary home.json"
    run(project, sys.executable, *label.split())
    rows = pq.read_table(project / "home.parquet").to_pylist()
    assert {row["dst_port"]: row["label"] for row in rows} == {554: "DOS", 53: "BENIGN"}


def test_an_unknown_format_is_answered_with_those_that_are_known(project):
    (project / "conf/data/other.yaml").write_text(EXAMPLE.replace("kind: port_list", "kind: nonsense"))
    (project / "mine").mkdir(exist_ok=True)
    frame = ethernet(ipv4("10.0.0.1", "10.0.0.2", 17, udp(5000, 53, b"x")))
    capture = write_pcap(project / "mine" / "b.pcap", [Record(0, frame)])
    write_table(flows_from_capture(capture, "clean", name="b.pcap"), project / "b.parquet")
    run(project, sys.executable, "-m", "iotids", "params", "data=other")
    label = "-m stages.label --source home --flows b.parquet --out b.out.parquet --summary b.json"
    done = run(project, sys.executable, *label.split(), check=False)
    assert done.returncode == 1
    assert "data.sources.home.kind is 'nonsense'; known are packet_filters, folders" in done.stdout
    assert "Traceback" not in done.stdout
