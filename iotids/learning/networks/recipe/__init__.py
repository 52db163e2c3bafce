"""Room: the recipe of training taken apart.

`kind.RecipeKind` is a network whose recipe is chosen inside the training fold: every recipe of a grid is trained on a part of the
fold and judged on the rest (`inner_split`), the best one is trained on the whole fold. No test row is looked at.
"""
