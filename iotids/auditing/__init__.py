"""Room: what a dataset can and cannot prove: duplicates, twins across a split, shortcuts from source to class, features that tell
too much.

`investigate.investigate` runs the audit of the stage over a dataset, a column at a time; `page.write_pages` writes it down, a section of
`sections/` each. `scorecard/` is for any labelled flow table.
"""
