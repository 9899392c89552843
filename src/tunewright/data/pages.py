"""Texts of printed pages: what the page did to the words is undone.

Words parted at a line's end are joined, ligatures written out, running heads and page numbers left out. Pages may be
parted by form feeds; without them a line that comes back again and again is a running head from its second time on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import regex

Edit = tuple[int, int, str]
"""(start, end, what stands there now)"""

LONGEST_HEAD = 150
"""Characters of a running head at most."""

OFTEN = 3
"""How often a line comes back in a text without page ends, digits aside, before it is a running head."""

EDGE = 2
"""Lines at the top and at the foot of a page that may be running heads."""

_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_LIGATURE = regex.compile("[" + "".join(_LIGATURES) + "]")
_PARTED = regex.compile(r"(?<=\p{L})(?:\u00ad[ \t]*\n[ \t]*|(?<=\p{Ll})[-\u2010][ \t]*\n[ \t]*(?=\p{Ll}))")
_LINE = regex.compile(r"[^\n\f]*(?:\n|(?=\f)|\Z)")
_NUMBER = regex.compile(r"\p{Nd}+")
_PAGE = regex.compile(r"(?:page\s+|p\.\s*)?\p{Nd}{1,4}(?:\s*(?:of|/)\s*\p{Nd}{1,4})?", regex.I)


def ligatures(text: str) -> list[Edit]:
    return [(found.start(), found.end(), _LIGATURES[found.group()]) for found in _LIGATURE.finditer(text)]


def hyphenation(text: str) -> list[Edit]:
    """Words parted at line ends. One that the text elsewhere writes with its hyphen keeps it."""
    edits = []
    whole: str | None = None
    for found in _PARTED.finditer(text):
        mark = ""
        if not found.group().startswith("\u00ad"):
            whole = text if whole is None else whole
            before = regex.search(r"[\p{L}\p{M}]+\Z", text[max(0, found.start() - 40) : found.start()])
            behind = regex.match(r"[\p{L}\p{M}]+", text[found.end() : found.end() + 40])
            if before and behind and f"{before.group()}-{behind.group()}" in whole:
                mark = "-"
        edits.append((found.start(), found.end(), mark))
    return edits


def running_heads(text: str) -> list[Edit]:
    """Lines that stand on page after page. The first page's, or the first of its kind, stays: it may be the title."""
    if "\f" in text:
        return _by_page(text)
    lines = [(start, end, _alike(line)) for start, end, line in _lines(text, 0)]
    often = {key for key, count in Counter(key for _, _, key in lines if key).items() if count >= OFTEN}
    seen: set[str] = set()
    edits = []
    for start, end, key in lines:
        if key in often and key in seen:
            edits.append((start, end, ""))
        seen.add(key)
    return edits


def _by_page(text: str) -> list[Edit]:
    edges: list[tuple[int, tuple[int, int, str]]] = []
    start = 0
    for number, page in enumerate(text.split("\f")):
        lines = [line for line in _lines(page, start) if line[2].strip()]
        edges += [(number, line) for line in {*lines[:EDGE], *lines[-EDGE:]}]
        start += len(page) + 1
    pages: dict[str, set[int]] = {}
    for number, (_, _, line) in edges:
        if key := _alike(line):
            pages.setdefault(key, set()).add(number)
    found = []
    for number, (start, end, line) in edges:
        repeated = number and len(pages.get(_alike(line), ())) > 1
        if repeated or _PAGE.fullmatch(line.strip()):
            found.append((start, end, ""))
    return sorted(set(found))


def _lines(text: str, at: int) -> Iterator[tuple[int, int, str]]:
    """(start, end with its line feed, line)."""
    for found in _LINE.finditer(text):
        if found.end() > found.start():
            yield at + found.start(), at + found.end(), found.group().removesuffix("\n")


def _alike(line: str) -> str:
    """What lines of one running head have in common; "" for what is none: too long, or without a word."""
    key = _NUMBER.sub("#", " ".join(line.split())).casefold()
    return key if 3 <= len(key) <= LONGEST_HEAD and any(map(str.isalpha, key)) else ""
