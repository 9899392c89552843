"""Documents longer than a budget: the beginning stays, and of the rest the short lines that say something of it.

A paper tells what it is on its first page; a DOI, the dates and the address for letters may stand at its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

Places = Callable[[str], Sequence[tuple[int, int]]]
"""(start, end) in characters of each token of a text."""

MARK = "\n…\n"
"""What stands between the beginning and the lines that are kept."""

LONGEST_LINE = 300
"""Characters of a line beyond which it is prose, and not kept for a word in it."""

_LINE = re.compile(r"(?<=\n)[^\n]+")

SHARE = 0.25
"""Of the budget: most that such lines may take."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What is left of a document.

    lost: how many tokens went. pieces: (start, end, start in the document) of its parts.
    """

    text: str
    lost: int = 0
    pieces: tuple[tuple[int, int, int], ...] = ()

    def back(self, start: int, end: int) -> tuple[int, int]:
        """A place of the text → its place in the document."""
        for first, last, at in reversed(self.pieces):
            if start >= first:
                return start - first + at, min(end, last) - first + at
        return start, end


def cut(text: str, places: Places, budget: int, words: Sequence[str] = ()) -> Cut:
    """At most `budget` tokens of a text.

    words: short lines with one of these stay where the end is cut, the first ones first, in a quarter of the budget.
    The beginning ends at a word's end.
    """
    tokens = places(text)
    if len(tokens) <= budget:
        return Cut(text, 0, ((0, len(text), 0),))
    room = int(budget * SHARE)
    kept: list[tuple[int, int]] = []
    for start, end in _lines(text, tokens[budget - 1][1], words):
        room -= len(places(text[start:end])) + 1
        if room < 0:
            break
        kept.append((start, end))
    head = budget - (len(places(_joined(text, "", kept).text)) if kept else 0)
    while head > 0:
        made = _joined(text, text[: _word_end(text, tokens[head - 1][1])].rstrip(), kept)
        left = len(places(made.text))
        if left <= budget:
            return replace(made, lost=len(tokens) - left)
        head -= left - budget
    end = tokens[budget - 1][1]
    return Cut(text[:end], len(tokens) - budget, ((0, end, 0),))


def _joined(text: str, head: str, kept: Sequence[tuple[int, int]]) -> Cut:
    made, pieces = head, [(0, len(head), 0)]
    for number, (start, end) in enumerate(kept):
        made += "\n" if number else MARK
        pieces.append((len(made), len(made) + end - start, start))
        made += text[start:end]
    return Cut(made, 0, tuple(pieces))


def _lines(text: str, after: int, words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the short lines behind a place stand that have one of the words; each line once."""
    if not words:
        return
    wanted = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, words)) + ")", re.IGNORECASE)
    seen: set[str] = set()
    for found in _LINE.finditer(text, after):
        line = found.group().strip()
        if found.start() > after and line not in seen and len(line) <= LONGEST_LINE and wanted.search(line):
            seen.add(line)
            start = text.index(line, found.start())
            yield start, start + len(line)


def _word_end(text: str, end: int) -> int:
    """The last place at or before `end` where no word is cut; `end` itself in a text without white space."""
    if end >= len(text) or text[end].isspace() or text[end - 1].isspace():
        return end
    found = max(text.rfind(" ", 0, end), text.rfind("\n", 0, end))
    return found if found > 0 else end
