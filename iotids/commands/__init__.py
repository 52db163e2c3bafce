"""Room: what a person runs."""
