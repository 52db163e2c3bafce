"""Room: the paper's dense network, folds trained in stacks, stacks side by side.

`kind.DenseKind` keeps the contract; `trainer.DenseTrainer` trains, `in_turn.run_in_turn` keeps the cores busy,
`stacked_step` is one update. A trained network is plain arrays (`chain.DenseChain`); `graphs.logits_graph` is its ONNX form,
`keras_network` its Keras form, `forms/` the smaller ones.
"""
