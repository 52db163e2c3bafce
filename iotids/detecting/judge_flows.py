"""Judge a table of flows in one call, for Python programs; `iotids detect` does it in batches from captures."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from iotids.detecting.judging.verdicts import Judge, package_point
from iotids.detecting.package.inference import Model
from iotids.detecting.package.origin_check import check_origin
from iotids.detecting.package.package import Package, open_package
from iotids.flowmeter.columns.context import CONTEXT_NAMES
from iotids.flowmeter.context import with_context
from iotids.writing.table_origin import origin_of


def judge_flows(package: Package | str | Path, flows: pa.Table) -> pa.Table:
    """Verdict, class, probabilities and reasons for every flow.

    Parameters
    ----------
    package : Package, str or Path
        An open package, or its folder.
    flows : pa.Table
        As `iotids.flows_from_capture(path, **package.meter_settings)` gives them: the features mean other things
        under another profile. Context that the package wants and the table lacks is computed from its flows.

    Returns
    -------
    pa.Table
        A row per flow in the same order; columns as in the verdict file (docs/detector.md).

    Raises
    ------
    PackageError
        The folder is no package, or must not be used.
    ValueError
        The table says that it was metered with other settings than the package's.
    """
    opened = package if isinstance(package, Package) else open_package(package)
    check_origin(opened, {"this table": origin_of(flows.schema)})
    if opened.wants_context and not set(CONTEXT_NAMES) & set(flows.column_names):
        flows = with_context(flows)
    return Judge(opened, Model(opened), package_point(opened)).judge(flows)[0]
