"""The scores of whole runs: computed from a run folder (`run_scores.score_run`), written and read again
(`run_files`), as long tables (`tables`), for a model card (`cards.card`) and for `dvc metrics` (`summary`).
"""
