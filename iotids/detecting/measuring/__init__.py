"""Room: from where log-odds are measured.

`zero_point.ZeroPoint` moves the zero point of a capture's flows while they stream by, `zero_point.moved_in_table` that of finished captures.
"""
