"""The ground truth that `iotids label` is given: rules, or the labelled connection log of Zeek."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from iotids.truth.formats.contract import Packets, Truth
    from iotids.truth.labelling.flow_labels import CaptureLabels


@dataclass(frozen=True)
class Given:
    """A truth and the classes that it can give."""

    truth: Truth
    classes: Sequence[str]


def truth_of_rules(rules: Path, source: str) -> Given:
    """Open a file of rules.

    Raises
    ------
    FileNotFoundError
        There is none.
    ValueError
        It cannot be understood.
    """
    from iotids.truth.formats.registry import open_truth
    from iotids.truth.formats.rules import read_rules
    from iotids.truth.labelling.truth_files import read_text

    _check_is_file(rules, "rules are a .yaml or .csv (docs/your-own-data.md)")
    text = read_text(rules)
    if text.startswith(("#separator", "#fields")):
        raise ValueError(f"{rules}: a log of Zeek, no rules; give it with --zeek")
    found, default = read_rules(text, rules.name)
    classes = sorted({rule.label for rule in found} | ({default} if default else set()))
    entry = {"kind": "rules", "rules": rules.name}
    return Given(open_truth(source, entry, rules.absolute().parent, default or "BENIGN"), classes)


def truth_of_log(log: Path, source: str, *, malicious: str, background: str) -> Given:
    """A connection log with labels, of all captures of the command.

    Parameters
    ----------
    malicious, background : str
        Classes of malicious and of all other connections; an empty background keeps these apart.

    Raises
    ------
    FileNotFoundError
        There is none.
    ValueError
        It cannot be understood.
    """
    from iotids.truth.formats.contract import Truth
    from iotids.truth.formats.zeek_join import label_by_connections
    from iotids.truth.formats.zeek_log import read_connections

    _check_is_file(log, "give a conn.log.labeled (docs/datasets.md, D4)")
    connections = read_connections(log)

    def label(capture: str, flows: pa.Table, packets: Packets) -> tuple[str, CaptureLabels]:
        labels = label_by_connections(
            capture,
            source,
            flows,
            connections,
            malicious=malicious,
            background=background,
            tolerance_us=1_000_000,
        )
        return source, labels

    return Given(Truth(label), sorted({malicious, background} - {""}))


def _check_is_file(path: Path, wanted: str) -> None:
    """Refuse a path at which no file is, and say what is wanted there."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; {wanted}")
