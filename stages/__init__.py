"""One file per DVC stage; one folder per room of library code."""
