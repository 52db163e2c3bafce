"""Room: training for sites that are not among the training sites.

`nested.nested_choice` chooses by an inner leave-one-site-out, `probe.probe_inputs` finds inputs that tell the site and not the class,
`normalising.SiteRanks` normalises from unlabelled traffic, and `unseen_scores.score_unseen` counts every site and class alike.
"""
