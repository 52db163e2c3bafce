"""How TensorFlow is started, and where threads compute in it."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial

# One thread computes for a device. More share the small products of a batch, and wait for each other longer than they
# compute: with 16, training took 1.5 to 2 times the processor time (width 64 and 128, batch 256 and 1024, two cores).
# Large products are divided by this number, and the division shows in the last bits: it is not the machine's number of cores.
POOL_THREADS = 1


def prepare_tensorflow() -> None:
    """Import TensorFlow (seconds) without its banner, with a device for every core and one thread for each; what the user has set stays."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(POOL_THREADS))
    os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")  # each device has threads of its own
    gc.disable()  # nothing of half a million new objects is garbage; looking takes half a second
    try:
        with left_out("matplotlib", "sklearn"):  # Keras would take them along, a quarter of the time
            import tensorflow as tf
    finally:
        gc.enable()
    gc.freeze()
    with suppress(RuntimeError):  # TensorFlow computes already: its devices stand
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        processor = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            processor, [tf.config.LogicalDeviceConfiguration()] * cores
        )


@contextmanager
def left_out(*libraries: str) -> Iterator[None]:
    """Libraries cannot be imported in the block unless they were before: who can do without them does."""
    absent = [name for name in libraries if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: it is not found
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def places(n_threads: int) -> list[Callable[[], AbstractContextManager]]:
    """Contexts for so many threads to compute in: each has a device of its own while there are enough; a GPU serves all."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return [nullcontext] * n_threads
    devices = tf.config.list_logical_devices("CPU")
    return [partial(tf.device, devices[i % len(devices)].name) for i in range(n_threads)]
