"""Room: packets to flows, with CICFlowMeter's features to the last bit."""
