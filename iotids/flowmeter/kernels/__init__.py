"""The compiled part of the flow meter: captures' records to packets, packets to flows, flows to columns.

Kernels never raise: they return a status, and the callers (capture.py, flows.py, table.py) turn it into a
message. Every switch of a profile is an argument (`rules`, see profiles.py). All integers are int64
(addresses are bit patterns): mixing int64 and uint64 would silently give float64. The slow twin is
tests/naive.py; the behaviour of the CICFlowMeter profiles is described in docs/flow-meter.md.
"""
