"""Room: what a model is given: features, classes, duplicates."""
