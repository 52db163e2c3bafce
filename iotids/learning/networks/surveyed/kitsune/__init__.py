"""Room: Kitsune over flows.

`damped_statistics.damped_statistics` are counts over a host's past that fade with time; `kind.KitsuneKind` trains an ensemble of
auto-encoders on benign flows alone and scores by what they cannot reconstruct.
"""
