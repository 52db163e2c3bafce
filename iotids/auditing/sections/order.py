"""The audit's findings as sections: what was measured, what others have published about it, what a reader
should conclude.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iotids.auditing.sections.rows import (
    write_counts,
    write_duplicates,
    write_no_flows,
    write_timeouts,
    write_truth,
    write_twins,
)
from iotids.auditing.sections.section import Section
from iotids.auditing.sections.shortcuts import write_features, write_oracle, write_probe, write_separability


def write_sections(audit: Mapping[str, Any]) -> list[Section]:
    """Put the numbers of an audit into words and tables, in the order of the page."""
    writers = (
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
    return [section for writer in writers if (section := writer(audit)) is not None]
