"""Room: networks that look at more than one flow or inside one.

`host_windows.Windows` are the last flows of a host, for `tap_delay.TapDelayKind` and `host_recurrent.HostRecurrentKind`;
`packet_steps.packet_steps` are a flow's first packets, for `packet_network.PacketNetworkKind` and `hybrid.HybridKind`.
"""
