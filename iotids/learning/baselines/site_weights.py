"""Weights under which every class of every site counts alike, and all attacks as much as all benign flows."""

from __future__ import annotations

import numpy as np


def site_class_weights(sites: np.ndarray, labels: np.ndarray, *, benign: str) -> np.ndarray:
    """Weight of each row; the mean is 1.

    Parameters
    ----------
    sites, labels : (n,) of strings
    benign : name of the benign class

    Returns
    -------
    weights : (n,) float64
        Within benign rows every site has the same sum, within attacks every (site, class). Both halves have
        the same sum, unless one of them is empty.

    Raises
    ------
    ValueError
        No rows, or shapes that differ.
    """
    if sites.shape != labels.shape or not len(sites):
        raise ValueError(
            f"sites have shape {sites.shape}, labels {labels.shape}; wanted are equal ones with rows"
        )
    _, site = np.unique(sites, return_inverse=True)
    names, label = np.unique(labels, return_inverse=True)
    cell = site * len(names) + label
    _, inverse, counts = np.unique(cell, return_inverse=True, return_counts=True)
    weights = 1.0 / counts[inverse]
    is_benign = labels == benign
    for half in (is_benign, ~is_benign):
        if half.any():
            weights[half] /= weights[half].sum()
    return weights / weights.mean()
