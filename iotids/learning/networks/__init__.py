"""Room: the paper's deep networks, all folds of a split trained together."""
