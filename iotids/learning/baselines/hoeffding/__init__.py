"""Room: Hoeffding trees.

`river_tree.HoeffdingTree` is River's with the leaves of Weka; the project's own reproduces Weka's at the size of the paper.
`kinds.HoeffdingSettings` is what they are set with. All learn each row once, in the order they are given.
"""
