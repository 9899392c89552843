"""Marks: how a value keeps its place while a document is put together from strings.

A value travels as OPEN(n) + text + CLOSE, n being the number of its path; both are private-use characters, so pieces can be
joined, padded and reordered as plain strings, and the spans fall out at the end.
"""

from __future__ import annotations

import re

CLOSE = "\ue000"
FIRST = 0xE100
LAST = 0xE3FF

_MARKED = re.compile("([\ue100-\ue3ff])([^\ue000]*)\ue000")
_MARK = re.compile("[\ue000-\ue3ff]")
# Combining signs of Devanagari take no column of their own.
_NO_WIDTH = dict.fromkeys([*range(0xE000, LAST + 1), *range(0x900, 0x903), 0x93C, *range(0x941, 0x949), 0x94D])


def bare(text: str) -> str:
    """`text` without its marks."""
    return _MARK.sub("", text)


def width(text: str) -> int:
    """How many columns `text` takes on a page, marks and combining signs not counted."""
    return len(text.translate(_NO_WIDTH))


def left(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def right(text: str, columns: int) -> str:
    return " " * (columns - width(text)) + text


def centre(text: str, columns: int) -> str:
    return " " * ((columns - width(text)) // 2) + text


def pieces(text: str) -> list[tuple[int | None, str]]:
    """The text as (number of the path, or None outside values; characters), in order."""
    found: list[tuple[int | None, str]] = []
    end = 0
    for match in _MARKED.finditer(text):
        if match.start() > end:
            found.append((None, text[end : match.start()]))
        found.append((ord(match[1]) - FIRST, match[2]))
        end = match.end()
    if end < len(text):
        found.append((None, text[end:]))
    return found
