"""Room: what a model is given.

`training_data.read_training_data` reads features, truth, order, group and start times for one task and one kind of model;
`folds.folds_of_split` the rows of each fold. `flow_columns.feature_matrix` and `duplicates.vector_numbers` are for those who look at
a table themselves.
"""
