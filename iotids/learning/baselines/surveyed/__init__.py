"""Room: classical systems of the works in Section III, feature selection, and the strong rivals of today.

A file each; they are listed with all others in `registry.BASELINES`, a floor above. What a source does not say is a setting with a
default, named as an assumption in conf/baseline.
"""
