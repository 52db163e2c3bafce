"""Room: baselines as ONNX graphs that decide as the fitted model does: in float64 where it does.

`scikit.scikit_onnx` is the way in for scikit-learn; `trees.ensemble` writes forests and boosted trees, `constant.constant_onnx` a model
that scores every flow alike.
"""
