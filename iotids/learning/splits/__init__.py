"""Room: which rows train and which rows test.

`makers.SPLITS` has the splits by name, a line each; `makers.make_split` makes one, `folds.split_table` writes it down with an account
of what it keeps apart. A splitter sees `flows.flows_from_table`: capture, group, site, time, class.
"""
