"""Apache Parquet, read in batches through pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunewright.core.errors import DataError, MissingExtra
from tunewright.data.read._columnar import plain_row
from tunewright.data.read._shared import Rejected, Row, checked

suffixes = (".parquet",)
_BATCH = 512


def read(path: Path) -> Iterator[Row | Rejected]:
    """The rows of a file, some hundred in memory at a time; `line` is the row's number from 1.

    Raises MissingExtra without pyarrow, DataError where the file is damaged.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra("pyarrow (needed to read Parquet)", "data") from None
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for found in _rows(batch):
                    number += 1
                    if isinstance(found, str):
                        yield Rejected(number, found)
                    else:
                        yield checked(found, number)
    except (pyarrow.ArrowException, OSError) as error:
        reason = (str(error).splitlines() or ["damaged"])[0]
        if number == 0:
            raise DataError(f"cannot be read as Parquet: {reason}", where=str(path)) from None
        yield Rejected(number + 1, f"the file cannot be read from here on: {reason}")


def _rows(batch: Any) -> Iterator[dict[str, Any] | str]:
    try:
        rows = batch.to_pylist()
    except (UnicodeDecodeError, ValueError):
        rows = None
    if rows is not None:
        yield from (plain_row(row) for row in rows)
        return
    for i in range(batch.num_rows):  # one bad string spoils the batch: find its row
        try:
            yield plain_row(batch.slice(i, 1).to_pylist()[0])
        except UnicodeDecodeError as error:
            yield f"byte 0x{error.object[error.start]:02X} is not UTF-8"
        except ValueError as error:
            yield str(error)
