"""Room: figures computed from predictions."""
