"""Room: tables that data sets publish with features of their own, as datasets of their own.

`registry.RELEASES` has one `contract.Release` per layout: its columns in order, what they are, its labels and classes. `files.read_files`
reads the files of one, `source.write_source` those of a source; `layout.find_layout` names another release's.
"""
