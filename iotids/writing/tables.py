"""Read and write the files between stages; a half-written file never gets the real name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; it takes the real name when the block ends without an error.

    Parents are made. The temporary file is removed when the block fails.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_table(table: pa.Table, path: str | Path) -> None:
    """Write an Arrow table as Parquet (zstd); the same table gives the same bytes."""
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_table(path: str | Path, columns: list[str] | None = None) -> pa.Table:
    """Read a Parquet file; a missing one says which stage should have written it.

    Raises
    ------
    FileNotFoundError
        With the path and the command that makes it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"{path}: not there. It is written by an earlier stage: run `dvc repro` (or `make`)"
        )
    return pq.read_table(path, columns=columns)


def write_text(text: str, path: str | Path) -> None:
    """Write UTF-8 text."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(content: Any, path: str | Path) -> None:
    """Write JSON with an indent of one space; keys keep their order; NaN and Infinity become null (strict
    JSON).
    """
    write_text(json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n", path)


def _finite(content: Any) -> Any:
    """Replace floats that JSON cannot hold by None, and NumPy scalars by Python's."""
    if isinstance(content, dict):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    if hasattr(content, "item"):
        content = content.item()
    if isinstance(content, float) and content - content != 0.0:
        return None
    return content
