"""Room: whole files or none: tables, Markdown, text."""
