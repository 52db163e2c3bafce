"""Room: finished flows become rows, and rows become files.

`rows.RowBuilder` wraps what the kernels wrote as Arrow batches; `flow_files.sink_for` writes them, by the file's name.
"""
