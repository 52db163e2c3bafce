"""Label D4 (IoT-23): Zeek's labelled connection logs beside the captures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from iotids.truth.formats.contract import Format, Packets, Source, Truth
from iotids.truth.formats.zeek_join import NEAREST_US, label_by_connections
from iotids.truth.formats.zeek_log import read_connections
from iotids.truth.labelling.flow_labels import CaptureLabels, Verdict
from iotids.truth.labelling.truth_files import IOT23, find_log, read_categories, read_families


@dataclass(frozen=True)
class Options:
    """`families` chooses scenarios by malware; `background` is the class of benign flows, or empty to keep
    them apart; `nearest_s` is how far a connection of the same endpoints may be from a flow that overlaps none.
    """

    families: tuple[str, ...] | list[str] = ("Mirai",)
    background: str = ""
    categories: dict[str, str] | None = None
    scenarios: str = ""
    tolerance_s: float = 1.0
    nearest_s: float = NEAREST_US / 1e6


def open_zeek(source: Source, options: Options) -> Truth:
    """Read the table of scenarios; the logs are read with their captures."""
    families = read_families(source.root / options.scenarios if options.scenarios else IOT23)
    categories = options.categories or read_categories("zeek")
    if unknown := [family for family in options.families if family not in families.values()]:
        raise ValueError(
            f"data.sources.{source.name}.families: no scenario has {', '.join(map(repr, unknown))}; known are "
            f"{', '.join(sorted(set(families.values())))}"
        )

    def label(capture: str, flows: pa.Table, packets: Packets) -> tuple[str, CaptureLabels]:
        scenario = next((part for part in capture.split("/") if part in families), None)
        if scenario is None:
            raise ValueError(
                f"{source.name}: {capture} lies in no folder named like a scenario of the table, such as {next(iter(families))}; "
                "add it to a table of your own and name that as `scenarios`"
            )
        family = families[scenario]
        if family not in options.families:
            apart = Verdict("", "", f"scenario of {family}, not chosen by `families`")
            codes = np.zeros(flows.num_rows, dtype=np.int32)
            return source.name, CaptureLabels(capture, scenario, (apart,), codes)
        labels = label_by_connections(
            capture,
            scenario,
            flows,
            read_connections(find_log(source.folder / capture, source.folder)),
            malicious=categories[family],
            background=options.background,
            tolerance_us=round(options.tolerance_s * 1e6),
            nearest_us=round(options.nearest_s * 1e6),
        )
        return source.name, labels

    return Truth(label)


FORMAT = Format(Options, open_zeek)
