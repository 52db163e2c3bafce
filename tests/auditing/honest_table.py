"""An honest table for audits: two classes that two features separate partly; no copy, no order, no place, no time."""

import numpy as np


def honest_columns(n_rows):
    """(columns by name, labels): the same rows for the same number of them."""
    generator = np.random.default_rng(0)
    label = generator.integers(0, 2, n_rows)
    columns = {
        "Flow Duration": generator.exponential(1e6, n_rows) + 1,
        "Tot Fwd Pkts": generator.normal(20, 5, n_rows) + 4 * label,
        "Flow IAT Mean": np.abs(generator.normal(20, 5, n_rows) + 4 * label),
        "Dst Port": generator.integers(1, 65535, n_rows),
        "Src IP": generator.integers(0, 40, n_rows),
        "Timestamp": 1.7e9 + generator.permutation(n_rows),
    }
    return columns, np.where(label, "Attack", "BENIGN")
