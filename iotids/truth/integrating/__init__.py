"""Room: labelled flows of all sources to one clean dataset, and Table II.

`dataset.integrate` cleans and merges tables that come batch by batch (`labelled_tables.table_in_file`), `integration.count_flows`
counts what a table has, `table2.table2_markdown` sets the paper's figures beside ours.
"""
