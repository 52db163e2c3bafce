"""Room: alarms of many flows become incidents: who attacks whom, how, from when to when, and how sure that is.

`IncidentBook` takes verdict tables batch by batch; `Ordinary` learns what one host does in a minute here;
`in_words` gives the plain reason; `catalogue` the severity and the ATT&CK technique of a class.
"""
