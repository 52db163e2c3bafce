"""Room: the section on the systems of Section III."""
