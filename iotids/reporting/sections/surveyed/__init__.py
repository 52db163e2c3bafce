"""Room: the section on the systems of Section III.

`systems.surveyed_markdown` sets the figure that each paper printed beside ours; `figures.figures_markdown` has what each work is known
for: by nodes, by window, by depth, by number of features.
"""
