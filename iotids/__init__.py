"""Packets to flows, flows to labelled datasets, datasets to trained detectors.

The library below the DAG of `stages/`, and the command `iotids`. Public names are loaded when they are used:

>>> import iotids
>>> flows = iotids.flows_from_capture("capture.pcap", profile="clean")  # pyarrow.Table
>>> package = iotids.open_package("out/final/multiclass-dl_sensible")
>>> verdicts = iotids.judge_flows(package, flows)  # pyarrow.Table, a row per flow
"""

from __future__ import annotations

import signal
import sys

# Ctrl-C while the modules of `python -m iotids` load ends it without a traceback; from `run_plainly` on it is caught
if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from iotids.version import VERSION

if TYPE_CHECKING:
    from iotids.detecting.judge_flows import judge_flows
    from iotids.detecting.package.package import open_package
    from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES
    from iotids.flowmeter.flows import flows_from_capture
    from iotids.flowmeter.profiles import PROFILES

__version__ = VERSION
__all__ = ["MODEL_FEATURE_NAMES", "PROFILES", "flows_from_capture", "judge_flows", "open_package"]

# onnxruntime sends usage data to its maker from the moment it is imported, so this cannot wait for a main()
TELEMETRY_OFF = {"ORT_DISABLE_TELEMETRY": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DVC_NO_ANALYTICS": "1"}
for _name, _value in TELEMETRY_OFF.items():
    os.environ.setdefault(_name, _value)

_HOMES = {
    "MODEL_FEATURE_NAMES": "iotids.flowmeter.columns.schema",
    "PROFILES": "iotids.flowmeter.profiles",
    "flows_from_capture": "iotids.flowmeter.flows",
    "judge_flows": "iotids.detecting.judge_flows",
    "open_package": "iotids.detecting.package.package",
}


def __getattr__(name: str) -> Any:
    """Load a public name from the module that has it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'iotids' has no attribute {name!r}; public are {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Public names, for completion."""
    return [*__all__, "__version__"]
