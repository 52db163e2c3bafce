"""Room: what stands between frames and finished flows: decode, book to the flow table, end silent flows, memory, threads.

Kernels do the work (`kernels/`); here lives the state between their calls. `flows.Meter` puts the steps in a row.
"""
