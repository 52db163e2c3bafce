"""Room: what a cross-validation leaves on disk."""
