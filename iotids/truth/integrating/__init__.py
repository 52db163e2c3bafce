"""Room: labelled flows of all sources to one clean dataset, and Table II.

`dataset.integrate` merges and cleans, `integration.count_flows` counts what is left out and why, `table2.table2_markdown` sets the
paper's figures beside ours.
"""
