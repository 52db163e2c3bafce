"""Room: Kitsune over flows: damped statistics and an ensemble of auto-encoders."""
