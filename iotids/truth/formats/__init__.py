"""Room: the formats that ground truth comes in.

One file each (options, opener, labeller), listed in `registry.FORMATS`; what they share is `contract.Truth`, and for rules
`rules.read_rules` and `rule_labels.label_by_rules`.
"""
