"""Room: from a cross-validated configuration to a package."""
