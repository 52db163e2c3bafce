"""Room: the four capture sets D1 to D4.

A file each: who is there, who attacks, how often, and which files are written. `capture_set.Capture` is what each of them returns.
"""
