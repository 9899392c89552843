"""Hugging Face data sets: a folder written by `save_to_disk`, or an id of the hub. Needs the extra `data`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunewright.core.errors import DataError, MissingExtra
from tunewright.data.read._columnar import plain_row
from tunewright.data.read._shared import Rejected, Row, checked

suffixes = ()
"""Known by what a folder holds, not by a name's ending: see `is_saved`."""


def is_saved(path: Path) -> bool:
    """Whether a folder was written by `Dataset.save_to_disk` or `DatasetDict.save_to_disk`."""
    return (path / "dataset_dict.json").is_file() or (
        (path / "dataset_info.json").is_file() and (path / "state.json").is_file()
    )


def read(path: Path) -> Iterator[Row | Rejected]:
    """The rows of a saved data set, memory-mapped; each row's split becomes its `split` where it has none."""
    datasets = _datasets()
    try:
        found = datasets.load_from_disk(str(path))
    except Exception as error:  # the library raises many kinds, all meaning the same to a reader
        raise DataError(f"cannot be read as a saved data set: {_first_line(error)}", where=str(path)) from None
    yield from _rows(found if isinstance(found, dict) else {None: found}, str(path))


def read_hub(name: str) -> Iterator[Row | Rejected]:
    """The rows of a data set of the hub, `owner/name`, `owner/name:configuration` or `owner/name@revision`, streamed.

    No code of the data set is run. Raises DataError where it cannot be had.
    """
    datasets = _datasets()
    full, _, revision = name.partition("@")
    identity, _, configuration = full.partition(":")
    try:
        found = datasets.load_dataset(identity, configuration or None, revision=revision or None, streaming=True)
    except Exception as error:
        raise DataError(
            f"the data set '{name}' cannot be had from the Hugging Face hub: {_first_line(error)}",
            hint="check the name and the network (HF_HUB_OFFLINE forbids it), or name a file",
        ) from None
    yield from _rows(found if isinstance(found, dict) else {None: found}, name)


def _datasets() -> Any:
    try:
        import datasets
    except ImportError:
        raise MissingExtra("datasets (needed for Hugging Face data sets)", "data") from None
    datasets.disable_progress_bars()
    return datasets


def _rows(splits: Any, where: str) -> Iterator[Row | Rejected]:
    number = 0
    for split, rows in splits.items():
        iterator = iter(rows)
        while True:
            try:
                row = next(iterator)
            except StopIteration:
                break
            except Exception as error:
                if number == 0:
                    raise DataError(f"cannot be read: {_first_line(error)}", where=where) from None
                yield Rejected(number + 1, f"the split '{split}' cannot be read from here on: {_first_line(error)}")
                break
            number += 1
            value = plain_row(dict(row))
            if split is not None and value.get("split") is None:
                value["split"] = str(split)
            yield checked(value, number)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
