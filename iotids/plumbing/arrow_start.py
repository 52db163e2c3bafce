"""Use pyarrow without pandas, which it would load at the first array only to see whether that is one of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

PANDAS = "pandas"


class _NoPandas(MetaPathFinder):
    """Answers that pandas is not installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse pandas, leave the rest to others."""
        if name == PANDAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


@contextmanager
def arrow_without_pandas() -> Iterator[None]:
    """Within the block pandas is not found, so pyarrow does not spend 0.7 s to load it; afterwards it is again."""
    absent = _NoPandas()
    if PANDAS not in sys.modules:
        sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        if absent in sys.meta_path:
            sys.meta_path.remove(absent)
