"""Room: the parts of the report, a section each; no score is computed here.

`headline.headline_markdown` opens it, `table3.paper_rows` is the paper's table beside ours, `answers.answers_markdown` puts numbers
into sentences, `unseen.unseen_matrix` leaves one site or attack out. `page.py`, a floor above, puts them in order.
"""
