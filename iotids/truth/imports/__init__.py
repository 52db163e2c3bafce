"""Room: flow tables written by other tools, in our schema.

`cic_tables.import_table` reads a CSV of any version of CICFlowMeter; its neighbours find separators, decide the order of day and
month, and read numbers and times as such tables have them.
"""
