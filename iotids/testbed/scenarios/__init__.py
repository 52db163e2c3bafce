"""The four capture sets D1 to D4: who is there, who attacks, how often, and which files are written."""
