"""Room: several runs next to each other, with the differences of what was tested on the same flows.

`compared_run.ComparedRun` is a run, wherever it was read from; `differences.differences` pairs its folds with those of the
first run; `document` writes Markdown, CSV or a page.
"""
