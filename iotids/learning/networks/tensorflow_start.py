"""What TensorFlow finds in its environment when it is imported."""

from __future__ import annotations

import os

# Compiled loops divide large products by the size of this pool, by default the number of cores, and the division shows in
# the last bits (seen at width 128 and batch 1024). Threads beyond the cores wait.
POOL_THREADS = 16


def prepare_tensorflow() -> None:
    """No banner of twenty lines that say nothing of the run, and the same bits on any number of cores. What the user has set stays."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(POOL_THREADS))
