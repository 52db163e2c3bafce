"""Room: flows in, verdicts out.

`verdicts.Judge` is the way in: scores, temperature and threshold (`operating_point.decide`), how familiar a flow is
(`novelty.learn_novelty`), how far traffic has moved from training (`drift.DriftCounter`), what a capture does
not show (`view.ViewCounter`), and the features that decided. What is ordinary here is the room `ordinary`. `verdict_words.VERDICTS` are the words.
"""
