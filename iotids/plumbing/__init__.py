"""Room: how stages touch the world — parameters, files, progress, processes, MLflow."""
