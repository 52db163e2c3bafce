"""Room: ground truth in the file formats of the published datasets.

`packet_filters.write_rules` for D1, `host_lists.write_attackers_and_targets` for D2 and D3, `zeek.write_conn_log` for D4.
"""
