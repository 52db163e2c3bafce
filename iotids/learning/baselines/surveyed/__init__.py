"""Room: classical systems of the works in Section III, feature selection, and the strong rivals of today."""
