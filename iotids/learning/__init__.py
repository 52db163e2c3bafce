"""Room: tables to models and scores.

`contract.ModelKind` is what everything that learns keeps; `registry.check_packable` and its neighbours know every kind by name.
`data/` and `splits/` say what is learnt from, `networks/` and `baselines/` learn, `runs/` keeps what a cross-validation wrote, `scores/`
computes every figure from it, `transfer/` is for sites that no training row came from.
"""
