"""Room: networks that look at more than one flow: windows over a host's flows, steps over a flow's packets."""
