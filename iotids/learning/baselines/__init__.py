"""Room: classical and streaming models behind one contract.

`registry.BASELINES` has them by name. One of scikit-learn is a line in `classical.SCIKIT_KINDS`; one of our own is a file with an
`array_model.ArrayModel`: a class whose fitted values are arrays. `hoeffding/` are the streaming trees, `onnx/` the graphs.
"""
