"""How much of a text stands in another one: near-copies, also of a part, found by an inverted index of word runs.

The measure is containment (Broder 1997): the share of a text's runs of words (triples, say) that one known text has. It
does not hang on how long the known text is, so a sentence copied out of a long one counts as a whole copy.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from tunewright.text.unicode import nfc, words

SIZE = 3
"""Words of a run; a shorter text is one run of all its words."""

SHORTEST = 8
"""Words of the shortest text, or of as much of it, that is called a copy of one: less is said alike by many."""

Run = tuple[str, ...]


def folded(text: str) -> list[str]:
    """The words of a text, whatever its case and punctuation."""
    return words(nfc(text).casefold())


class Copies:
    """Texts to look for copies of. Memory grows with their words, a look with how common its runs are.

    size: words of a run. of: the words of a text.
    """

    def __init__(self, texts: Iterable[str] = (), *, size: int = SIZE, of: Callable[[str], Sequence[str]] = folded):
        self._size, self._of = size, of
        self._having: defaultdict[Run, list[int]] = defaultdict(list)
        self._count = 0
        for text in texts:
            self.add(text)

    def __len__(self) -> int:
        return self._count

    def add(self, text: str) -> None:
        """Know one more text."""
        for run in runs(text, self._size, self._of):
            self._having[run].append(self._count)
        self._count += 1

    def nearest(self, text: str) -> tuple[float, int | None]:
        """(containment, number) of the known text that has most of this one's runs, the first of equal ones; numbers
        count from 0 as texts were added. (0, None) where no known text has any.
        """
        share, _, number = self._look(text)
        return share, number

    def copied(self, text: str, share: float) -> tuple[float, bool]:
        """Containment in the nearest known text, and whether this is a copy of it: from `share` on, with as many runs
        in common as `SHORTEST` words in a row have.
        """
        found, common, _ = self._look(text)
        return found, found >= share and common > SHORTEST - self._size

    def _look(self, text: str) -> tuple[float, int, int | None]:
        own = runs(text, self._size, self._of)
        shared = Counter(number for run in own for number in self._having.get(run, ()))
        if not shared:
            return 0.0, 0, None
        most = max(shared.values())
        return most / len(own), most, min(number for number, count in shared.items() if count == most)


def runs(text: str, size: int = SIZE, of: Callable[[str], Sequence[str]] = folded) -> set[Run]:
    """The word runs of a text; of a text without a word, one of no words."""
    said = of(text)
    return {tuple(said[at : at + size]) for at in range(max(1, len(said) - size + 1))}
