"""Room: the findings of the audit, a section each.

`section.Section` is what every file gives: what was measured, what others have published about it, what a reader should do.
`order.write_sections` puts them in a row; a new section is one file here and one line there.
"""
