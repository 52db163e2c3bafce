"""Room: the paper's dense network, all folds of a split trained as one stack.

`kind.DenseKind` keeps the contract; `trainer.DenseTrainer` trains, `parted.PartedNetworks` divides the folds over threads,
`stacked_step` is one update. A trained network is plain arrays (`chain.DenseChain`); `graphs.logits_graph` is its ONNX form,
`keras_network` its Keras form, `forms/` the smaller ones.
"""
