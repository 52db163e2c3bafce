"""Hoeffding trees: River's with the leaves of Weka, and the project's own, which reproduces Weka's at the size of the paper."""
