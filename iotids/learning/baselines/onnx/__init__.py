"""Room: baselines as ONNX graphs, written so that they decide as the fitted model does: in float64 where it does."""
