"""Room: labelled flows of all sources to one clean dataset, and Table II."""
