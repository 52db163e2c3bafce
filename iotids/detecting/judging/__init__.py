"""Room: flows in, verdicts out."""
