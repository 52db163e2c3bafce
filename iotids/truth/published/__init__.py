"""Room: tables that data sets publish with features of their own, as datasets of their own.

`registry.RELEASES` has one `contract.Release` per layout: its columns in order, what they are, its labels and classes. `reading.read_release`
reads a file of one, `source.write_source` the files of a source in `data.sources`, and says by name what is another release's.
"""
