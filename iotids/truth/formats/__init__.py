"""Room: the formats that ground truth comes in. One file each (options, opener, labeller), listed in
`registry.py`; what two of them share stands in `contract.py`, `rules.py` and `rule_labels.py`.
"""
