"""Room: a detector on disk."""
