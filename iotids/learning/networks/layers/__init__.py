"""Room: layers of neural networks in NumPy, each with its gradient and its ONNX nodes: small enough to train by the hundred
on one core, exact to the bit for a seed, and open to what stacked training is not (windows, exchange of parameters).

A layer is a `layer.Layer`; `chain.Chain` puts them in a row, `optimisers.make_optimiser` moves their values, and `kind.LayerKind` is what
every kind of network of layers shares.
"""
