"""The order of the audit's sections: each says what was measured, what others have published about it, and what a
reader should conclude.
"""

from __future__ import annotations

from iotids.auditing.investigate import Findings
from iotids.auditing.sections.copies import write_duplicates
from iotids.auditing.sections.counts import write_counts
from iotids.auditing.sections.features import write_features
from iotids.auditing.sections.labels import write_truth
from iotids.auditing.sections.no_flows import write_no_flows
from iotids.auditing.sections.oracle import write_oracle
from iotids.auditing.sections.section import Section
from iotids.auditing.sections.single_features import write_separability
from iotids.auditing.sections.source_probe import write_probe
from iotids.auditing.sections.timeouts import write_timeouts
from iotids.auditing.sections.twins import write_twins

WRITERS = (
    write_counts,
    write_duplicates,
    write_twins,
    write_oracle,
    write_probe,
    write_separability,
    write_features,
    write_truth,
    write_no_flows,
    write_timeouts,
)


def write_sections(findings: Findings) -> list[Section]:
    """Put the numbers of an audit into words, tables and figures, in the order of the page."""
    return [section for writer in WRITERS if (section := writer(findings)) is not None]
