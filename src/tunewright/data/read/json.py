"""One JSON value: a list of objects, or an object that holds such lists under `data`, `records` or a split's name.

JSON Lines under the name .json are read as such. A broken element is set aside; reading goes on at the next one.
Where all stands on one line, as `json.dump` writes it, a row's place is its number.
"""

from __future__ import annotations

import json
import re
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

from tunewright.core.errors import DataError
from tunewright.data.read import jsonl
from tunewright.data.read._shared import (
    Rejected,
    Row,
    checked,
    excerpt,
    head,
    json_reason,
    kind,
    open_bytes,
)
from tunewright.text.serialise import STRICT

suffixes = (".json",)

LISTS = ("data", "records", "rows", "examples", "train", "training", "validation", "valid", "dev", "test")
"""Keys of a top-level object whose list is read; the name of a split is handed to rows that have none."""
_SPLITS = LISTS[4:]
_SPACE = re.compile(r"[ \t\r\n]*")
_MARK = re.compile(r'[\[\]{}",]|\\.', re.DOTALL)
_LIST = re.compile(rf'"({"|".join(LISTS)})"\s*:\s*\[')
_NEXT_OBJECT = re.compile(r"\n[ \t\r]*(?=\{)")


def read(path: Path) -> Iterator[Row | Rejected]:
    """The rows of a file, which is held in memory. Raises DataError where it is no such file."""
    if _is_lines(path):
        yield from jsonl.read(path)
        return
    text = _text(path)
    places = _Places(text)
    start = _skip(text, 0)
    if start == len(text):
        return
    if text[start] == "[":
        yield from _elements(text, start, places)
    elif text[start] == "{":
        yield from _wrapped(text, start, places, path)
    else:
        yield Rejected(places.line(start), "neither a list nor an object", excerpt(text[start : start + 400]))


class _Places:
    """Where the elements of a text stand: their lines, or their numbers where the text is one line."""

    def __init__(self, text: str):
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._one_line = "\n" not in text.strip()
        self._elements = 0

    def line(self, position: int) -> int:
        return bisect_right(self._ends, position - 1) + 1

    def element(self, position: int) -> int:
        """The place of the next element, which begins at `position`."""
        self._elements += 1
        return self._elements if self._one_line else self.line(position)


def _is_lines(path: Path) -> bool:
    """Whether the first two non-blank lines are objects of their own."""
    first = [piece for piece in head(path).split(b"\n")[:-1] if piece.strip()][:2]
    if len(first) < 2:
        return False
    try:
        return all(isinstance(json.loads(piece), dict) for piece in first)
    except (ValueError, RecursionError):
        return False


def _text(path: Path) -> str:
    head(path)  # refuses UTF-16 and archives
    with open_bytes(path) as file:
        pieces = []
        try:
            while piece := file.read1(2**20):  # type: ignore[attr-defined]
                pieces.append(piece)
        except (EOFError, zlib.error, OSError):
            pass  # a packed file that breaks off: its last element is set aside as cut
    # Bytes that are not UTF-8 become lone surrogates, which set aside just the element they stand in.
    return b"".join(pieces).removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _elements(text: str, start: int, places: _Places, split: str | None = None) -> Iterator[Row | Rejected]:
    """The elements of the list that opens at `start`."""
    position = _skip(text, start + 1)
    budget = 20 * len(text) + 2**20  # characters spent on finding where broken elements end
    while position < len(text) and text[position] != "]":
        place = places.element(position)
        broken: Exception | None = None
        value = None
        try:
            value, end = STRICT.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            broken = error
            end = _element_end(text, position) if budget > 0 else len(text)
            budget -= end - position
        after = _skip(text, end)
        if broken is None and after < len(text) and text[after] not in ",]":
            broken = ValueError("no comma after the element")
        if broken is None and isinstance(value, dict):
            found = checked(value, place, text[position : min(end, position + 400)])
            if isinstance(found, Row) and split is not None:
                found.value.setdefault("split", split)
            yield found
        else:
            # What is no row may be a row cut short that swallowed the next: go on where one seems to begin.
            astray = after >= len(text) or text[after] not in ",]"
            following = None
            if (broken is not None or astray) and budget > 0:
                following = _next_row(text, position)
                budget -= (len(text) if following is None else following) - position
            if following is not None and (following < end or astray):
                end = after = following
            elif astray:
                end = after = len(text)
            reason = json_reason(broken) if broken is not None else f"{kind(value)}, not an object"
            yield Rejected(place, reason, excerpt(text[position : min(end, position + 400)]))
        position = _skip(text, after + 1) if after < len(text) and text[after] == "," else after
    if position >= len(text):
        yield Rejected(places.element(len(text)), "the list is not closed: the file seems cut off here")


def _next_row(text: str, position: int) -> int | None:
    """The next line that begins with an object and is indented no deeper than the line of `position`."""
    before = text[text.rfind("\n", 0, position) + 1 : position]
    deepest = len(before) if not before.strip() else len(text)
    for match in _NEXT_OBJECT.finditer(text, position):
        if match.end() - match.start() - 1 <= deepest:
            return match.end()
    return None


def _element_end(text: str, position: int) -> int:
    """Where the element that begins at `position` ends by its brackets and quotes, or the text's end."""
    depth, in_string = 0, False
    for match in _MARK.finditer(text, position):
        mark = match.group()
        if mark == '"':
            in_string = not in_string
        elif in_string or mark[0] == "\\":
            continue
        elif mark in "[{":
            depth += 1
        elif mark == ",":
            if depth == 0:
                return match.start()
        else:
            if depth == 0:
                return match.start()
            depth -= 1
            if depth == 0:
                return match.end()
    return len(text)


def _wrapped(text: str, start: int, places: _Places, path: Path) -> Iterator[Row | Rejected]:
    try:
        value, end = STRICT.raw_decode(text, start)
        if _skip(text, end) != len(text):
            raise ValueError("something follows after the first value")
    except (ValueError, RecursionError) as error:
        opened = _LIST.search(text, start)
        if opened is None:
            place = places.line(getattr(error, "pos", start))
            hint = "one object a line (.jsonl) lets the good rows be read"
            raise DataError(json_reason(error), where=f"{path}:{place}", hint=hint) from None
        split = opened.group(1) if opened.group(1) in _SPLITS else None
        yield from _elements(text, opened.end() - 1, places, split)
        yield Rejected(
            places.line(start), f"the object around the list: {json_reason(error)}", excerpt(text[start : start + 400])
        )
        return
    lists = {key: value[key] for key in LISTS if isinstance(value.get(key), list)}
    # A row may itself have a list under such a name; only lists of objects are taken for rows.
    lists = {key: rows for key, rows in lists.items() if any(isinstance(row, dict) for row in rows)}
    if not lists:
        yield checked(value, places.line(start), text[start : start + 400])
        return
    for key, at in _members(text, start):
        if key in lists:
            yield from _elements(text, at, places, key if key in _SPLITS else None)


def _members(text: str, start: int) -> Iterator[tuple[str, int]]:
    """The keys of the whole object that opens at `start`, each with where its value begins."""
    position = _skip(text, start + 1)
    while text[position] != "}":
        key, position = STRICT.raw_decode(text, position)
        value = _skip(text, _skip(text, position) + 1)
        yield key, value
        _, position = STRICT.raw_decode(text, value)
        position = _skip(text, position)
        if text[position] == ",":
            position = _skip(text, position + 1)
