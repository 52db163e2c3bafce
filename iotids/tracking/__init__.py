"""Room: MLflow, a view of the files in out/ that can be deleted and rebuilt.

`publishing.publish` mirrors what the stage `score` wrote, `provenance` says what a run was made from, `store` opens
the store, `view` sets what its pages show, `registry` and `keras_model` register detectors and networks.
`experiments.publish_experiments` adds what DVC took from its run cache, `usage` samples CPU, memory and GPU, `attempts`
marks stages that failed.
"""
