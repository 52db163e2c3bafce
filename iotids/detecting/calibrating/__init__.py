"""Room: an operating point for one site."""
