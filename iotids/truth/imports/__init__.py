"""Room: flow tables written by other tools, in our schema."""
