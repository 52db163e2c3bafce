"""Room: layers of neural networks in NumPy, each with its gradient and its ONNX nodes: small enough to train by the hundred
on one core, exact to the bit for a seed, and open to what stacked training is not (windows, exchange of parameters).
"""
