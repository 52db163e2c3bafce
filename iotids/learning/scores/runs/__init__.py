"""Room: the scores of whole runs.

`run_scores.score_run` computes them from a run folder; `run_files.run_documents` writes them; `tables`, `cards` and `summary` are long
tables, what a model card says, and the few numbers of `dvc metrics`.
"""
