"""Room: figures computed from predictions, so that a new one trains nothing.

`metrics.METRICS` is the registry: one entry is one metric. `scores.score_predictions` gives them all for one set of
predictions, `judged.judge` checks it; `comparisons`, `significance` and `pairs` say how sure a figure is;
`unpredicted` says which classes a model never predicts; `names` what models, splits and tasks are called.
"""
