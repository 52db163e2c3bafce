"""Open a Parquet file for writing that is closed once, however that ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq


class ParquetFileWriter(pq.ParquetWriter):
    """A Parquet file to write row groups to.

    On a full disk closing fails. Arrow's own writer would try it once more when it is thrown away, where nobody can
    catch the error, and Python prints a traceback.
    """

    def __init__(self, where: Path | BinaryIO, schema: pa.Schema, **options: Any) -> None:
        self.is_open = False
        super().__init__(where, schema, **options)

    def close(self) -> None:
        """Write the footer; OSError where that fails, and then nothing more is tried."""
        try:
            if self.is_open:
                super().close()
        finally:
            self.is_open = False

    def add_key_value_metadata(self, metadata: dict[str, str]) -> None:
        """Add notes to the footer; OSError where the file was closed, and the footer failed, already."""
        if not self.is_open:
            raise OSError("the Parquet file is closed; its footer can take no more notes")
        super().add_key_value_metadata(metadata)

    def __del__(self) -> None:
        """What was not closed is not finished: its file is thrown away, too."""
