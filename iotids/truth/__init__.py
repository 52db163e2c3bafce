"""Room: where labels come from: packet filters, folders, device lists, Zeek logs, label tables, your own rules, other people's tables.

`formats/` has a file for each format, `filters/` the languages that rules are written in, `labelling/` decides for every flow,
`integrating/` merges the sources, `imports/` reads tables of other tools, `downloads/` fetches public datasets.
"""
