"""How much of a text stands in another one: near-copies, also of a part, found by an inverted index of word triples.

The measure is containment (Broder 1997): the share of a text's word triples that one known text has. It does not hang
on how long the known text is, so a sentence copied out of a long one counts as a whole copy.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from tunewright.text.unicode import nfc, words

SIZE = 3
"""Words of a run; a shorter text is one run of all its words."""

Run = tuple[str, ...]


class Copies:
    """Texts to look for copies of. Memory grows with their words, a look with how common its runs are."""

    def __init__(self, texts: Iterable[str] = ()):
        self._having: defaultdict[Run, list[int]] = defaultdict(list)
        self._count = 0
        for text in texts:
            self.add(text)

    def __len__(self) -> int:
        return self._count

    def add(self, text: str) -> None:
        """Know one more text."""
        for run in runs(text):
            self._having[run].append(self._count)
        self._count += 1

    def nearest(self, text: str) -> tuple[float, int | None]:
        """(containment, number) of the known text that has most of this one's runs, the first of equal ones; numbers
        count from 0 as texts were added. (0, None) where no known text has any.
        """
        own = runs(text)
        shared = Counter(number for run in own for number in self._having.get(run, ()))
        if not shared:
            return 0.0, None
        most = max(shared.values())
        return most / len(own), min(number for number, count in shared.items() if count == most)


def runs(text: str) -> set[Run]:
    """The word runs of a text, whatever its case and punctuation; of a text without a word, one of no words."""
    said = words(nfc(text).casefold())
    return {tuple(said[at : at + SIZE]) for at in range(max(1, len(said) - SIZE + 1))}
