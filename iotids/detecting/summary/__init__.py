"""Room: what a run found, as JSON and as a page."""
