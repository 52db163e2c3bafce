"""Room: whole files or none.

`tables.write_table`, `tables.write_json` and `tables.write_text` replace a file only when the new one is whole;
`whole_files.DiskFile` is for those that grow. `markdown.markdown_table` and `html.Html` write tables and pages; every text from outside
is escaped.
"""
