"""Comma-, semicolon-, tab- or bar-separated values with a header line, plain or packed.

Quoting is RFC 4180 and strict, so that a stray quote costs its own line and not the lines after it: a row that
does not close properly, or has another number of fields than the header, is set aside and reading goes on at the
very next line. Python's own reader would swallow everything up to the next quote.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from tunewright.core.errors import DataError
from tunewright.data.read._shared import Line, Rejected, Row, checked, excerpt, head, lines

suffixes = (".csv", ".tsv")

DELIMITERS = (",", ";", "\t", "|")
_NONE = "\x1f"  # for a file of one column, where every delimiter may stand in the text
_RETURN = "\ufdd0"  # a code point that is no character, for carriage returns that Python's reader would stop at
_LONGEST = 8 * 2**20  # characters that one row may spread over
csv.field_size_limit(max(csv.field_size_limit(), _LONGEST))


def read(path: Path) -> Iterator[Row | Rejected]:
    """The rows of a file in constant memory, every value a string. Raises DataError for an unusable header."""
    source = _Lines(path)
    header, delimiter = _header(source, path)
    while (line := source.take()) is not None:
        if isinstance(line, Rejected):
            yield line
        elif line[1].strip():
            yield _row(line, source, header, delimiter)


class _Lines:
    """Decoded lines that can be handed back."""

    def __init__(self, path: Path):
        sample = head(path)
        self.end = "\r" if b"\r" in sample and b"\n" not in sample else "\n"
        self._lines = lines(path, end=self.end.encode())
        self._back: deque[tuple[int, str] | Rejected] = deque()

    def take(self) -> tuple[int, str] | Rejected | None:
        if self._back:
            return self._back.popleft()
        line = next(self._lines, None)
        if isinstance(line, Line):
            # Bytes that are not UTF-8 become lone surrogates, which set aside just their row.
            return line.number, line.data.decode("utf-8", "surrogateescape")
        return line

    def give_back(self, taken: list[tuple[int, str]]) -> None:
        self._back.extendleft(reversed(taken))


def _header(source: _Lines, path: Path) -> tuple[list[str], str]:
    while (line := source.take()) is not None:
        if isinstance(line, Rejected):
            raise DataError(line.reason, where=f"{path}:{line.line}")
        number, text = line
        if not text.strip():
            continue
        forced = None
        if text.lower().startswith("sep=") and len(text.strip("\r\n")) == 5:
            forced = text[4]  # Excel's own first line
            following = source.take()
            if following is None or isinstance(following, Rejected):
                break
            number, text = following
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            place = len(text[: error.start].encode("utf-8"))
            raise DataError(
                f"byte 0x{ord(text[error.start]) - 0xDC00:02X} at offset {place} of the header is not UTF-8",
                where=f"{path}:{number}",
                hint=f"convert it: iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8-{path.name}",
            ) from None
        delimiter = forced or _sniff(text, source, path)
        taken: list[tuple[int, str]] = []
        fields = _fields((number, text), source, delimiter, taken)
        if isinstance(fields, str):
            raise DataError(f"the header cannot be read: {fields}", where=f"{path}:{number}")
        names = [name.strip() or f"column {i}" for i, name in enumerate(fields, 1)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(
                f"the header names a column twice: {', '.join(twice)}",
                where=f"{path}:{number}",
                hint="rename one of them",
            )
        return names, delimiter
    return [], ","


def _sniff(header: str, source: _Lines, path: Path) -> str:
    """The delimiter by which the header has more than one field and most of the next rows have as many."""
    present = [delimiter for delimiter in DELIMITERS if delimiter in header]
    if not present:
        return _NONE
    if "\t" in present and ".tsv" in path.suffixes:
        return "\t"
    taken: list[tuple[int, str]] = []
    while len(taken) < 50 and isinstance(line := source.take(), tuple):
        taken.append(line)
    if isinstance(line, Rejected):
        source._back.appendleft(line)
    source.give_back(taken)

    def agreement(delimiter: str) -> tuple[bool, float, int]:
        width = len(next(csv.reader([header.replace("\r", " ")], delimiter=delimiter)))
        texts = (text.replace("\r", " ") for _, text in taken)
        widths = [len(fields) for fields in csv.reader(texts, delimiter=delimiter) if fields]
        return width > 1, widths.count(width) / max(1, len(widths)), width

    return max(present, key=agreement)


def _row(line: tuple[int, str], source: _Lines, header: list[str], delimiter: str) -> Row | Rejected:
    taken: list[tuple[int, str]] = []
    fields = _fields(line, source, delimiter, taken)
    number, text = line
    if not isinstance(fields, str) and len(fields) != len(header):
        have = f"{len(fields)} field" + ("s" if len(fields) != 1 else "")
        fields = f"{have} where the header has {len(header)}"
    if isinstance(fields, str):
        source.give_back(taken)
        return Rejected(number, fields, excerpt(text))
    return checked(dict(zip(header, fields, strict=True)), number, text)


def _fields(line: tuple[int, str], source: _Lines, delimiter: str, taken: list[tuple[int, str]]) -> list[str] | str:
    """The fields of the row that begins on `line`, or why it is none; `taken` receives the further lines it used."""
    text = line[1]
    if '"' not in text:
        return text.split(delimiter)

    def physical() -> Iterator[str]:
        yield text.replace("\r", _RETURN) + source.end
        spent = len(text)
        while spent < _LONGEST and isinstance(following := source.take(), tuple):
            taken.append(following)
            spent += len(following[1])
            yield following[1].replace("\r", _RETURN) + source.end
        if spent < _LONGEST and isinstance(following, Rejected):
            source._back.appendleft(following)

    try:
        fields = next(csv.reader(physical(), delimiter=delimiter, strict=True))
        return [field.replace(_RETURN, "\r") for field in fields]
    except csv.Error:
        return "a quote that does not close before a delimiter or the line's end"
    except StopIteration:
        return "an empty row"
