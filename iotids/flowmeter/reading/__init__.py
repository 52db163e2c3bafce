"""Room: capture files as blocks of frames."""
