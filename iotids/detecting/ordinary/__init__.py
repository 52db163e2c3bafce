"""Room: what is ordinary on one's own network.

`devices.name_device` says which device a flow is of, `habits.Habits` what each device does again and again, and
`familiar_flows.OwnFlows` which flows are ordinary here although training has seen nothing like them.
"""
