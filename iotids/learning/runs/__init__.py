"""Room: what a cross-validation needs, and what it leaves on disk.

`inputs.read_inputs` reads and checks flows and folds before an hour of work; `cross_validation.fit_each_fold` is the default of the
contract; `checkpoints.Store` and `unfinished.Unfinished` let a broken run continue; `run_folder.write_run` writes predictions,
history, times and the first fold's model, which is an `onnx_model.OnnxModel` where the kind exports.
"""
