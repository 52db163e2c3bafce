"""Room: trained detectors in use, from a package on disk to incidents that a person acts on.

`judge_flows.judge_flows` judges a table in one call. `package/` is the detector on disk, `packing/` makes it, `measuring/` says
from which zero log-odds count, `judging/` decides, `calibrating/` sets the operating point of a site, `running/` and `following/`
take captures as they are or arrive, `incidents/` and `summary/` say what was found.
"""
