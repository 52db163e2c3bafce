"""Judge a flow table with nothing but an exported model: no TensorFlow, no code of this project.

python examples/onnx_detect.py out/final/multiclass-dl_sensible/model.onnx flows.parquet
Flow tables: iotids meter CAPTURE --profile (the model's) -o flows.parquet. Needs numpy, onnxruntime
and pyarrow.
"""

import json
import os
import sys

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime
import pyarrow.parquet as pq


def judge(model_path, flows_path):
    """Give (flows, class per flow, attack probability per flow), using what the model file says about itself."""
    session = onnxruntime.InferenceSession(model_path, providers=["CPUExecutionProvider"])
    notes = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    flows = pq.read_table(flows_path)
    features = np.stack([flows[name].to_numpy() for name in notes["features"]], axis=1).astype(np.float64)
    logits = session.run(["logits"], {"features": features})[0].astype(np.float64) / notes["temperature"]
    benign = notes["classes"].index(notes["benign"])
    attacks = np.delete(logits, benign, axis=1)
    names = np.delete(np.array(notes["classes"]), benign)
    log_odds = np.logaddexp.reduce(attacks, axis=1) - logits[:, benign]
    lost = np.isin(names, notes.get("not_found", []))
    attacks[:, lost & ~lost.all()] = -np.inf  # a class that the model never finds is no name for an attack
    called = np.where(log_odds >= notes["attack_log_odds"], names[attacks.argmax(axis=1)], notes["benign"])
    called[~np.isfinite(features).all(axis=1)] = "UNKNOWN"
    return flows, called, 1 / (1 + np.exp(-log_odds))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    flows, called, probability = judge(sys.argv[1], sys.argv[2])
    for i in np.argsort(-np.nan_to_num(probability))[:10]:
        names = ("src_ip", "dst_ip", "dst_port", "first_packet")
        src, dst, port, packet = (flows[name][int(i)].as_py() for name in names)
        print(f"{called[i]:10} {probability[i]:.4f}  {src} -> {dst}:{port}  packet {packet}")
    print({str(name): int(n) for name, n in zip(*np.unique(called, return_counts=True), strict=True)})
