"""The bits of a network do not depend on the number of cores, for products that TensorFlow divides over threads, too."""

import os
import subprocess
import sys

import pytest

TRAIN = """
import hashlib, os, sys
os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: int(sys.argv[1])]))
from iotids.learning.networks.tensorflow_start import prepare_tensorflow
prepare_tensorflow()
import numpy as np
import tensorflow as tf
from iotids.learning.networks.dense.stacked import StackedNetworks
from iotids.learning.networks.dense.stacked_step import NetworkShape
networks = StackedNetworks(NetworkShape(70, 5, 6, 128, 0.2, 0.1, 0.09, 1e-6, True, 1024), 2)
chance = np.random.default_rng(0)
X = tf.constant(chance.standard_normal((4096, 70), np.float32))
y = tf.constant(chance.integers(0, 5, 4096).astype(np.int32))
networks.train_epoch(X, y, np.arange(8192, dtype=np.int32).reshape(4, 2, 1024) % 4096)
print(hashlib.md5(b"".join(value.tobytes() for value in networks.values())).hexdigest())
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be taken away")
def test_wide_networks_have_the_same_bits_on_one_core_and_on_all():
    one, every = (
        subprocess.run(
            [sys.executable, "-c", TRAIN, cores], capture_output=True, text=True, check=True
        ).stdout.split()[-1]
        for cores in ("1", "9999")
    )
    assert one == every
