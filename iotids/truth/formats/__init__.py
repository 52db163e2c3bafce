"""Room: the formats that ground truth comes in, and the flows each of them labels."""
