"""Room: the parts of the report."""
