"""Room: from a cross-validated configuration to a package.

`packing.pack` fits on every flow and writes the folder; `assembly.PackSettings` are the parameters of section `final`. Before that
`check.check_configurations` refuses what cannot be packed; `doubts.doubts_about` says what held-out flows hold against the result.
"""
