"""Room: incidents for those who act on them: records for a SIEM, CSV, and an incident's packets.

`IncidentFile` writes records as incidents begin and end; `records` has a form for each format; `slicing` copies
an incident's packets out of its captures.
"""
