"""Room: neural networks, a kind a file or folder.

`registry.NETWORKS` has them by name. `dense/` is the paper's, all folds of a split trained together; `recipe/` chooses how it is
trained; `layers/` and `surveyed/` are the networks of the works that the paper compares itself with.
"""
