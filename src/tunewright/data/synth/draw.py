"""One document's dice: its random numbers, its side of the atoms, its style, and the marks it has set.

Every choice of a document goes through one `Draw`, seeded by a string, and uses `random.random` alone, whose numbers do
not change between Python versions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, TypeVar

from tunewright.data.synth import marks, pools, templates
from tunewright.data.synth.pools import SEEN

T = TypeVar("T")

DEVANAGARI_DIGITS = str.maketrans("0123456789", "०१२३४५६७८९")


class Draw:
    """The state of a document under construction.

    language: "en" | "hi". doc_type: invoice, receipt, form. keys: the schema's top keys, the only ones that are marked.
    wordings, entities: the side (SEEN or UNSEEN) of labels and sentences, of names and things.
    mix: how much English stands in a Hindi document: 0 none, 1 some, 2 much.
    values: what slots of templates mean in this document; gold values stand here with their marks.
    trace: where given, every atom drawn is noted as (kind, pool, atom).
    """

    def __init__(
        self,
        key: str,
        language: str,
        doc_type: str,
        keys: frozenset[str],
        wordings: int = SEEN,
        entities: int = SEEN,
        trace: list[tuple[str, str, str]] | None = None,
    ):
        self.random = random.Random(key).random
        self.language, self.doc_type, self.keys = language, doc_type, keys
        self.wordings, self.entities, self.trace = wordings, entities, trace
        self.mix = 0
        self.feminine = False
        self.values: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.notes: dict[str, Any] = {}
        self.paths: list[str] = []
        self._sides = {"wordings": wordings, "entities": entities, "closed": SEEN}

    @property
    def detailed(self) -> bool:
        """Whether addresses, due dates, tax and the like are asked for as well."""
        return "address" in self.keys

    # Dice

    def chance(self, p: float) -> bool:
        return self.random() < p

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.random() * len(options))]

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.random() * (high - low + 1))

    def weighted(self, options: Sequence[tuple[T, float]]) -> T:
        at = 0.0
        for pair in options:
            at += pair[1]
        at *= self.random()
        for option, weight in options:
            at -= weight
            if at < 0:
                return option
        return options[-1][0]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        rows = list(options)
        for at in range(len(rows) - 1, 0, -1):
            other = int(self.random() * (at + 1))
            rows[at], rows[other] = rows[other], rows[at]
        return rows

    def some(self, options: Sequence[T], count: int) -> list[T]:
        """`count` of the options (all where there are fewer), in random order."""
        return self.shuffled(options)[:count]

    def digits(self, count: int) -> str:
        """`count` digits, the first not 0."""
        return str(self.between(10 ** (count - 1), 10**count - 1))

    def letters(self, count: int) -> str:
        return "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[int(self.random() * 26)] for _ in range(count))

    # Atoms

    def options(self, name: str) -> tuple[str, ...]:
        """What this document may draw from a pool."""
        found = pools.pool(name)
        return found.sides[self._sides[found.kind]]

    def atom(self, name: str) -> str:
        """One entry of a pool, unfilled."""
        found = pools.pool(name)
        entry = self.pick(found.sides[self._sides[found.kind]])
        if self.trace is not None:
            self.trace.append((found.kind, name, entry))
        return entry

    def note(self, name: str, entry: str) -> None:
        if self.trace is not None:
            self.trace.append((pools.pool(name).kind, name, entry))

    def text(self, name: str) -> str:
        """One entry of a pool, filled."""
        return self.fill(self.atom(name))

    def local(self, name: str) -> str:
        """One filled entry of the pool `name` in this document's language; code-mixed documents take English at times."""
        return self.fill(self.atom(f"{name}.{self.tongue(name)}"))

    def tongue(self, name: str) -> str:
        """The language the pool `name` is drawn in, this once."""
        if self.mix and self.chance(0.22 if self.mix == 1 else 0.5) and pools.has(f"{name}.en"):
            return "en"
        return self.language

    # Templates

    def fill(self, text: str) -> str:
        parts = templates.template(text)
        return parts if isinstance(parts, str) else self._join(parts)

    def _join(self, parts: tuple[Any, ...]) -> str:
        out: list[str] = []
        for part in parts:
            if type(part) is str:
                out.append(part)
            elif type(part) is templates.Slot:
                out.append(self.slot(part.name))
            elif type(part) is templates.Gendered:
                out.append(part.feminine if self.feminine else part.masculine)
            else:
                out.append(self._join(part.options[int(self.random() * len(part.options))]))
        return "".join(out)

    def slot(self, name: str) -> str:
        value = self.values.get(name)
        if value is not None:
            return value
        return SLOTS[name](self)

    # Marks

    def mark(self, path: str, text: str) -> str:
        """`text` as the value at `path`; unmarked where the schema has no such key."""
        if path.partition(".")[0].partition("[")[0] not in self.keys:
            return text
        if path in self.paths:
            number = self.paths.index(path)
        else:
            number = len(self.paths)
            self.paths.append(path)
        return f"{chr(marks.FIRST + number)}{text}{marks.CLOSE}"


SLOTS: dict[str, Any] = {}
"""Slot name → function of a Draw. Filled by the modules that make values (`slots`)."""


def slot(*names: str) -> Any:
    """Register a function of a Draw under slot names."""

    def register(function: Any) -> Any:
        for name in names:
            SLOTS[name] = function
        return function

    return register
