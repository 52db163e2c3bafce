"""The source probe: whether the features name the source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from iotids.auditing.plots import bars
from iotids.auditing.sections.section import Section, Table, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from iotids.auditing.investigate import Findings


def write_probe(findings: Findings) -> Section | None:
    """The source probe."""
    audit = findings.numbers
    probes = {name: probe for name, probe in audit["source_probe"].items() if probe}
    if not probes:
        return None
    rows = [
        [
            name,
            ", ".join(probe["sources"]),
            percent(probe["chance"]),
            *(percent(probe["balanced_accuracy"][depth]) for depth in ("1", "3", "10")),
            ", ".join(probe["relied_on"][:3]),
        ]
        for name, probe in probes.items()
    ]
    best = max(probes.items(), key=lambda item: item[1]["balanced_accuracy"]["10"] - item[1]["chance"])
    return Section(
        "source_probe",
        "Can the source be read off the features?",
        f"Trees trained on half of the recordings name the source of the flows in the other half. Among flows of {best[0]} a "
        f"tree of depth 10 reaches {percent(best[1]['balanced_accuracy']['10'])} balanced accuracy (chance {percent(best[1]['chance'])}).",
        "D'hooge et al. (DIMVA 2022; PST 2022) separate datasets by single features, metadata or not, at 70 to 100 %; Vitorino et al. "
        "(arXiv 2511.08345) show that exporters alone make tables incomparable.",
        "Within one class there is no attack to recognise, so what the probe finds is the network: window sizes, timing, the time-out, the "
        "capture point. Where it is far above chance and classes and sources coincide, a good score can be a good guess of the network.",
        [
            Table(
                "Balanced accuracy of naming the source",
                ["flows of", "sources", "chance", "depth 1", "depth 3", "depth 10", "relied on"],
                rows,
            )
        ],
        {"source_probe": lambda: draw_probe(probes)},
    )


def draw_probe(probes: Mapping[str, Any]) -> Figure:
    """Balanced accuracy of naming the source."""
    present = {name: probe for name, probe in probes.items() if probe}
    kinds = {"chance": {name: probe["chance"] for name, probe in present.items()}}
    kinds |= {
        f"depth {depth}": {name: probe["balanced_accuracy"][depth] for name, probe in present.items()}
        for depth in ("1", "3", "10")
    }
    return bars(list(present), kinds, "balanced accuracy of naming the source")
