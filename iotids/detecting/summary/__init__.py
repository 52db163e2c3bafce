"""Room: what a run found, as JSON and as a page.

`tally.Tally` adds up verdicts in bounded memory, `not_judged.count_not_judged` says which packets got none and why,
`summary.summarise` puts everything into plain JSON, and `page.report_page` makes one HTML page of it.
"""
