"""Room: the paper's dense network: stacked training of all folds, its Keras and ONNX forms."""
