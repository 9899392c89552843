"""JSON Lines, plain or packed (.gz): one object a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tunewright.data.read._shared import Line, Rejected, Row, excerpt, lines, not_utf8, row_or_rejected

suffixes = (".jsonl", ".ndjson", ".jsonlines")


def read(path: Path) -> Iterator[Row | Rejected]:
    """The rows of a file in constant memory; blank lines are no rows. Raises DataError where it cannot be read."""
    for line in lines(path):
        if isinstance(line, Rejected):
            yield line
        else:
            yield from rows_of(line)


def rows_of(line: Line) -> Iterator[Row | Rejected]:
    """The row of one line, the faulty line, or nothing where it is blank."""
    try:
        text = line.data.decode("utf-8").strip(" \t\r\n")
    except UnicodeDecodeError as error:
        yield Rejected(line.number, not_utf8(error, line.offset), excerpt(line.data))
        return
    if not text:
        return
    found = row_or_rejected(text, line.number)
    if isinstance(found, Rejected) and "\r" in text:
        # A bare carriage return cannot stand inside a JSON string, so here it can only part two rows.
        for piece in text.split("\r"):
            if piece.strip():
                yield row_or_rejected(piece.strip(), line.number)
        return
    yield found
