"""Room: several runs next to each other, with the differences of what was tested on the same flows."""
