"""Room: flows in, verdicts out.

`verdicts.Judge` is the way in: scores, temperature and threshold (`operating_point.decide`), how familiar a flow is
(`novelty.learn_novelty`), what is ordinary here (`familiar_flows.learn_own_flows`), how far traffic has moved from training
(`drift.DriftCounter`), and the features that decided. `verdict_words.VERDICTS` are the words.
"""
