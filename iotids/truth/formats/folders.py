"""Label D2 (Bot-IoT): in a folder of attack captures, a flow with an attacker at one end is the folder's
attack.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iotids.truth.formats.contract import Format, Source, Truth
from iotids.truth.labelling.flow_labels import CaptureLabels, Verdict
from iotids.truth.labelling.notices import Notice
from iotids.truth.labelling.truth_files import read_categories, read_text
from iotids.truth.labelling.yaml_texts import read_yaml


@dataclass(frozen=True)
class Options:
    """`hosts` lists the attackers; `background` is the class of flows without one, or empty to keep them apart."""

    hosts: str
    categories: dict[str, str] | None = None
    background: str = ""


def open_folders(source: Source, options: Options) -> Truth:
    """Read the lists of attackers and targets."""
    attackers, targets = read_hosts(read_text(source.root / options.hosts), options.hosts)
    judge = partial(
        label_by_endpoint,
        attackers=attackers,
        targets=targets,
        categories=options.categories or read_categories("folders"),
        background=options.background,
    )
    return Truth(
        lambda capture, flows, packets: (source.name, judge(capture, flows)), columns=("src_ip", "dst_ip")
    )


def read_hosts(text: str, where: str) -> tuple[list[str], list[str]]:
    """Read the attackers' and targets' addresses from YAML with those two keys.

    Raises
    ------
    ValueError
        No attackers, or something that is no address.
    """
    content = read_yaml(text, where) or {}
    if not isinstance(content, Mapping) or not content.get("attackers"):
        raise ValueError(
            f"{where}: wanted the keys `attackers` and `targets`, each a list of addresses; came {repr(content)[:80]}"
        )
    attackers, targets = (_addresses(content.get(key) or [], key, where) for key in ("attackers", "targets"))
    return attackers, targets


def label_by_endpoint(
    capture: str,
    flows: pa.Table,
    *,
    attackers: Sequence[str],
    targets: Sequence[str],
    categories: Mapping[str, str],
    background: str,
) -> CaptureLabels:
    """Label the flows of one capture by its folder and by whether an attacker is at one end.

    Parameters
    ----------
    flows : (n,) rows with `src_ip` and `dst_ip`
    categories : mapping
        From a folder's name to a class; the first folder of the capture's path that is named wins.
    background : str
        Class of the flows without an attacker; empty keeps them apart.
    """
    folders = capture.split("/")[:-1]
    category = next((folder for folder in folders if folder in categories), None)
    if category is None:
        reason = Verdict("", "", f"folder {'/'.join(folders) or '.'} is not used")
        return _labels(capture, (reason,), np.zeros(flows.num_rows, dtype=np.int32))
    attacked = _has_end(flows, attackers)
    at_target = _has_end(flows, targets)
    sublabel = " ".join(folders[folders.index(category) :])
    rest = (
        Verdict(background, "background", "no attacker at either end")
        if background
        else Verdict("", "", "background: no attacker at either end")
    )
    verdicts = (
        Verdict(categories[category], sublabel, f"folder {category} and an attacker at one end"),
        rest,
    )
    notices = []
    if flows.num_rows and not attacked.any():
        notices.append(
            Notice(
                "rule_matches_nothing",
                "warning",
                flows.num_rows,
                f"{capture}: no flow has an attacker at either end",
            )
        )
    if targets and (elsewhere := int((attacked & ~at_target).sum())):
        notices.append(
            Notice(
                "attack_without_listed_target",
                "info",
                elsewhere,
                "flows of an attacker with a host that is not a listed target",
            )
        )
    return _labels(
        capture, verdicts, np.where(attacked, 0, 1).astype(np.int32), tuple(notices), met=bool(attacked.any())
    )


def _labels(
    capture: str,
    verdicts: tuple[Verdict, ...],
    codes: np.ndarray,
    notices: tuple[Notice, ...] = (),
    *,
    met: bool | None = None,
) -> CaptureLabels:
    """Group by capture: one recording."""
    return CaptureLabels(capture, capture, verdicts, codes, notices, met=met)


def _has_end(flows: pa.Table, addresses: Sequence[str]) -> np.ndarray:
    """Tell which flows have one of the addresses at either end."""
    wanted = pa.array(addresses, pa.string())
    ends = [pc.is_in(flows.column(name), value_set=wanted).to_numpy() for name in ("src_ip", "dst_ip")]
    return np.logical_or(*ends)


def _addresses(values: Any, key: str, where: str) -> list[str]:
    """Check and normalise addresses."""
    words = values if isinstance(values, list) else [values]
    try:
        return [str(ipaddress.ip_address(word.strip() if isinstance(word, str) else word)) for word in words]
    except ValueError as error:
        raise ValueError(f"{where}: `{key}`: {error}; wanted a list of addresses") from error


FORMAT = Format(Options, open_folders)
