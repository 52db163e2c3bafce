"""Room: which class a flow has, whatever format the ground truth comes in."""
