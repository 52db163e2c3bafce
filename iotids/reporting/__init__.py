"""Room: from scores to the paper's tables and figures, as strings and figures. No score is computed here.

`page.report_page` and `results_page.results_page` write the two pages from a `page.Content`; `sections` hold their
parts, `figures` the pictures, `fixed` what no run computes: the paper's Table III and results measured elsewhere.
"""
