"""Room: packets to flows, with CICFlowMeter's features to the last bit.

`flows.Meter` meters one capture, `captures.meter_captures` several into one file, `live.LiveMeter` what still arrives.
`reading/` gives frames, `kernels/` do the work, `pipeline/` holds the state between them, `output/` writes rows,
`context/` counts what the end points of a flow did before. `columns/` declares every column.
"""
