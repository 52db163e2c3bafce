"""Room: MLflow, a view of the files in out/."""
