"""Packets to flows, flows to labelled datasets, datasets to trained detectors: the library below the DAG of
stages/.
"""

import os

__version__ = "0.2.0"

# onnxruntime sends usage data to its maker from the moment it is imported, so this cannot wait for a main()
TELEMETRY_OFF = {"ORT_DISABLE_TELEMETRY": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DVC_NO_ANALYTICS": "1"}
for _name, _value in TELEMETRY_OFF.items():
    os.environ.setdefault(_name, _value)
