"""Writes the sample captures: device and attack models become packets in files; nothing is ever sent.

Read in this order: `wire` (bytes of a packet), `tape` (packets of one capture and their truth), `hosts` and
`lan` (who is there), `tcp` and `udp` (how two hosts talk), `protocols` (what they say), `devices` (what
benign machines do all day), `attacks` (what the attackers do), `scenarios` (the four captures sets D1 to D4),
`truthfiles` (the ground truth in the formats of the published datasets).  `docs/sample.md` says what the
result can and cannot show.
"""
